"""The three samples that come with Trainyard: real tables with free licences and real troubles in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "samples"


@dataclass(frozen=True)
class Sample:
    """A bundled table: `about` asks its question in one line, `rows` and `columns` count the table with its target."""

    name: str
    title: str
    task: Literal["binary", "multiclass", "regression"]
    target: str
    rows: int
    columns: int
    about: str
    licence: str
    path: Path


def samples() -> list[Sample]:
    """The bundled samples, in the order in which the pages offer them; SOURCES.md beside the files has sources and licences."""
    return [
        Sample(
            "cancelled_flights", "Cancelled flights", "binary", "cancelled", 3000, 20,
            "Will a flight from New York in February 2013 be cancelled, given its schedule and the weather?",
            "CC0", _FOLDER / "cancelled_flights.csv",
        ),
        Sample(
            "penguins", "Penguins", "multiclass", "Species", 344, 15,
            "Which of three species is a penguin, given where it was found and its measurements?",
            "CC0", _FOLDER / "penguins.csv",
        ),
        Sample(
            "cars", "Cars", "regression", "Miles_per_Gallon", 406, 9,
            "How many miles does a car of the 1970s go on a gallon, given its engine, weight and origin?",
            "CC BY 4.0", _FOLDER / "cars.csv",
        ),
    ]  # fmt: skip
