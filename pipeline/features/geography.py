"""Places on the earth: how far apart, in which cell of a grid, and coordinates turned so that trees can cut across them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.catalog import Param
from pipeline.errors import PlanError
from pipeline.features import Needs, step
from pipeline.features.arithmetic import column

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EARTH_KM = 6371.0088
DEGREES = ("numeric",)


@step(
    "distance",
    title="Distance on the earth",
    help="Kilometres along the surface from each place to a fixed point, or to a second place of the same row.",
    phase="derive",
    order=13,
    params=(
        column("latitude", "Latitude", "In degrees.", DEGREES),
        column("longitude", "Longitude", "In degrees.", DEGREES),
        column("to_latitude", "Latitude of the second place", "Leave both empty for a fixed point.", DEGREES, optional=True),
        column("to_longitude", "Longitude of the second place", "", DEGREES, optional=True),
        Param("point_latitude", "float", 0.0, "Latitude of the point", "", -90.0, 90.0, unit="degrees", tune=False),
        Param("point_longitude", "float", 0.0, "Longitude of the point", "", -180.0, 180.0, unit="degrees", tune=False),
    ),
    names=lambda params: {_distance_name(params): "numeric"},
)
def distance(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_distance, params)


def _distance_name(params: dict[str, Any]) -> str:
    if bool(params["to_latitude"]) != bool(params["to_longitude"]):
        raise PlanError("Of the second place only one coordinate is chosen.", "Choose both, or none to measure to a fixed point.")
    to = params["to_latitude"] or f"{params['point_latitude']:g}, {params['point_longitude']:g}"
    return f"km from {params['latitude']} to {to}"


def make_distance(table: pd.DataFrame, **params: Any) -> dict[str, Any]:
    here = _place(table[params["latitude"]].to_numpy(), table[params["longitude"]].to_numpy())
    if params["to_latitude"]:
        there = _place(table[params["to_latitude"]].to_numpy(), table[params["to_longitude"]].to_numpy())
    else:
        there = _place(params["point_latitude"], params["point_longitude"])
    return {_distance_name(params): kilometres(*here, *there)}


def kilometres(latitude: Any, longitude: Any, to_latitude: Any, to_longitude: Any) -> np.ndarray:
    """The great-circle distance by the haversine formula, places in degrees."""
    import numpy as np

    a, b, c, d = (np.radians(values) for values in (latitude, longitude, to_latitude, to_longitude))
    half = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def _place(latitude: Any, longitude: Any) -> tuple[Any, Any]:
    """Degrees; a latitude or longitude that is not on the earth is missing."""
    import numpy as np

    off = (np.abs(latitude) > 90) | (np.abs(longitude) > 360)
    return np.where(off, np.nan, latitude), np.where(off, np.nan, longitude)


@step(
    "grid_cell",
    title="Cell of a map grid",
    help="Which square of a grid a place is in, as a category. A tenth of a degree is about eleven kilometres from south to north.",
    phase="derive",
    order=13,
    params=(
        column("latitude", "Latitude", "In degrees, or any first coordinate.", DEGREES),
        column("longitude", "Longitude", "In degrees, or any second coordinate.", DEGREES),
        Param("size", "float", 0.1, "Side of a cell", "In the unit of the coordinates.", 1e-4, 1e6, log=True, tune=False),
    ),
    names=lambda params: {f"cell of {params['latitude']}, {params['longitude']}": "categorical"},
)
def grid_cell(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_cell, params)


def make_cell(table: pd.DataFrame, latitude: str, longitude: str, size: float) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    rows, columns = (np.floor(table[name].to_numpy() / size) for name in (latitude, longitude))
    known = np.isfinite(rows) & np.isfinite(columns)
    cells = pd.DataFrame({"row": rows[known], "column": columns[known]})
    number, first = cells.groupby(["row", "column"], sort=False).ngroup().to_numpy(), cells.drop_duplicates()
    words = np.array([f"{row:.0f}:{column:.0f}" for row, column in first.itertuples(index=False)], dtype=object)
    made = np.full(len(table), np.nan, dtype=object)
    made[known] = words[number] if len(words) else []
    return {f"cell of {latitude}, {longitude}": made}


@step(
    "rotate",
    title="Turned coordinates",
    help="Two coordinates seen from other directions: trees cut only along or across a column, and streets and coasts run askew.",
    phase="derive",
    order=13,
    params=(
        column("first", "First coordinate", "Such as the latitude.", DEGREES),
        column("second", "Second coordinate", "Such as the longitude.", DEGREES),
        Param("directions", "int", 3, "Directions", "Spread evenly over a quarter turn; each gives two columns.", 1, 8, tune=False),
    ),
    names=lambda params: {name: "numeric" for angle in _angles(params["directions"]) for name in _turned(params, angle)},
)
def rotate(params: dict[str, Any], needs: Needs) -> Any:
    from pipeline.features.derive import Made

    return Made(make_turned, params)


def _angles(directions: int) -> list[float]:
    return [90 * (i + 1) / (directions + 1) for i in range(directions)]


def _turned(params: dict[str, Any], angle: float) -> tuple[str, str]:
    return tuple(f"{params['first']}, {params['second']} turned {degrees:g}°" for degrees in (angle, angle + 90))


def make_turned(table: pd.DataFrame, **params: Any) -> dict[str, Any]:
    import numpy as np

    first, second, made = table[params["first"]].to_numpy(), table[params["second"]].to_numpy(), {}
    for angle in _angles(params["directions"]):
        sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
        one, other = _turned(params, angle)
        made |= {one: first * cosine + second * sine, other: second * cosine - first * sine}
    return made
