"""Two units in one column (DQ015): written beside the number, or seen from numbers that are a known factor too large or too small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.catalog import Param
from pipeline.data.wording import amount, kind_of_unit
from pipeline.plan import Fix
from pipeline.quality.entry import Verdict, add_step, check_entry, not_applicable, passed
from pipeline.quality.gaps import disguise
from pipeline.quality.subject import Subject, counted, some

# What one is of the other, and an example to say so.
LEAST_VALUES, LEAST_ROWS = 30, 100  # different values and rows that two groups can be told apart by
FACTORS = {
    1000.0: "thousands, or g and kg", 100.0: "per cent and shares, or cm and m", 1_000_000.0: "millions", 2.20462262: "pounds and kilograms",
    2.54: "inches and centimetres", 3.2808399: "feet and metres", 1.609344: "miles and kilometres", 60.0: "minutes and hours", 3600.0: "seconds and hours",
    10.0: "a decimal mark that is one place off, or mm and cm", 12.0: "inches and feet", 4.184: "kilojoules and kilocalories",
}  # fmt: skip


@dataclass(frozen=True)
class OtherScale:
    """Numbers of a column that fit in among the others once they are multiplied by `factor`."""

    codes: np.ndarray
    factor: float
    low: float
    high: float
    meaning: str


@check_entry(
    code="DQ015",
    title="Several units in one column",
    help="Looks for amounts with different units ('5 kg', '11 lb'), and for a second group of numbers that is the first one times a known "
    "factor, with nothing in between: centimetres among metres, thousands among units.",
    severity="Warning: the same thing has two sizes.",
    params=(
        Param(
            "amounts",
            "float",
            0.8,
            "Amounts from",
            "Share of the filled cells of a text column that are a number with or without a unit.",
            0.1,
            1.0,
        ),
        Param("most", "float", 0.3, "At most", "Share of the numbers that the second group may have.", 0.0, 0.5),
    ),
)
def units(subject: Subject, params: dict) -> Verdict:
    words = {name: seen for name in _texts(subject) if (seen := subject.once(units_in, name)) and seen["share"] >= params["amounts"]}
    scales = {
        name: other
        for name in subject.figures
        if (other := subject.once(other_scale, name)) and _share(subject, name, other) <= params["most"]
    }
    if not _texts(subject) and not subject.figures:
        return not_applicable("The table has neither numbers nor words besides the target.")
    if not words and not scales:
        return passed("No column mixes units.")
    masks = {name: np.isin(subject.codes(name)[0], seen["codes"]) for name, seen in words.items()}
    masks |= {name: np.isin(subject.codes(name)[0], other.codes) for name, other in scales.items()}
    sentences = [f"{name!r} has {', '.join(f'{n:,} × {u}' for u, n in list(seen['units'].items())[:4])}" for name, seen in words.items()]
    sentences += [f"{name!r}: {counted(int(masks[name].sum()), 'number')} from {o.low:g} to {o.high:g} would fit in among the others times "
                  f"{o.factor:g} ({o.meaning}?)" for name, o in scales.items()]  # fmt: skip
    evidence = {name: {"units": seen["units"]} for name, seen in words.items()} | {
        name: {"from": o.low, "to": o.high, "factor": o.factor, "rows": int(masks[name].sum())} for name, o in scales.items()
    }
    return Verdict(
        f"{some(sentences)}.", "warning", (*words, *scales), np.any(list(masks.values()), axis=0), evidence, _fixes(words, scales)
    )


def _texts(subject: Subject) -> list[str]:
    return [name for name in subject.of_kind("categorical", "id", "text") if subject.is_text(name)]


def _share(subject: Subject, name: str, other: OtherScale) -> float:
    counts = subject.counts(name)
    return float(counts[other.codes].sum() / counts.sum())


def _fixes(words: dict[str, dict], scales: dict[str, OtherScale]) -> tuple[Fix, ...]:
    read = [add_step("DQ015", f"Read {name!r} in {seen['unit']}", "read_units", [name], unit=seen["unit"]) for name, seen in words.items()]
    scaled = [add_step("DQ015", f"Multiply the other unit in {name!r} by {o.factor:g}", "rescale", [name], low=o.low, high=o.high, factor=o.factor)
              for name, o in scales.items()]  # fmt: skip
    steps = tuple(step for fix in (*read, *scaled) for step in fix.steps)
    if len(steps) <= 1:
        return (*read, *scaled)
    return (Fix(code="DQ015", title="Bring every column into one unit", steps=steps), *read, *scaled)


def units_in(subject: Subject, name: str) -> dict | None:
    """The units of a text column of amounts, when there is more than one of a kind, with the codes of those in the rarer ones."""
    values, counts = subject.codes(name)[1], subject.counts(name)
    if len(values) < 2 or (amount(str(values[0])) is None and amount(str(values[-1])) is None):
        return None
    read = [amount(str(value)) for value in values]
    rows: dict[str, int] = {}
    for seen, count in zip(read, counts, strict=True):
        if seen is not None and kind_of_unit(seen[1]):
            rows[seen[1]] = rows.get(seen[1], 0) + int(count)
    kinds = {kind_of_unit(unit) for unit in rows}
    if len(rows) < 2 or len(kinds) != 1:
        return None
    usual = max(rows, key=lambda unit: (rows[unit], unit))
    codes = np.array([code for code, seen in enumerate(read) if seen is not None and seen[1] not in ("", usual)])
    known = np.array([seen is not None and (not seen[1] or seen[1] in rows) for seen in read])
    ordered = dict(sorted(rows.items(), key=lambda item: (-item[1], item[0])))
    return {"unit": usual, "units": ordered, "codes": codes, "share": float(counts[known].sum() / counts.sum())}


def other_scale(subject: Subject, name: str) -> OtherScale | None:
    """A second group of numbers that lies apart on the scale of sizes and has the place and the spread of the first after a known factor."""
    if subject.rows < LEAST_ROWS or len(subject.codes(name)[1]) < LEAST_VALUES:  # asked first, for it costs nothing
        return None
    values, counts = subject.codes(name)[1].to_numpy(dtype="float64"), subject.counts(name)
    hidden = subject.once(disguise, name)
    use = (values > 0) & np.isfinite(values) & ~np.isin(np.arange(len(values)), hidden.codes if hidden else ())
    if use.sum() < LEAST_VALUES or counts[use].sum() < LEAST_ROWS or counts[use].sum() < 0.9 * counts.sum():
        return None
    codes = np.flatnonzero(use)[np.argsort(values[use], kind="stable")]
    size, rows = np.log10(values[codes]), counts[codes]
    gaps = np.diff(size)
    cut = int(gaps.argmax()) + 1
    rest = np.delete(gaps, cut - 1)
    below, above = rows[:cut].sum(), rows[cut:].sum()
    few, many = (slice(None, cut), slice(cut, None)) if below < above else (slice(cut, None), slice(None, cut))
    if gaps[cut - 1] < 0.15 or gaps[cut - 1] < 2 * rest.max() or rows[few].sum() < 5:
        return None
    factor = _factor(size[few], rows[few], size[many], rows[many])
    if factor is None:
        return None
    low, high = float(values[codes[few]].min()), float(values[codes[few]].max())
    known = factor if factor in FACTORS else 1 / factor
    return OtherScale(codes[few], factor, low, high, FACTORS[min(FACTORS, key=lambda f: abs(np.log(f / known)))])


def _factor(few: np.ndarray, rows: np.ndarray, many: np.ndarray, many_rows: np.ndarray) -> float | None:
    """The known factor that puts the middle of the few near the middle of the many, all of them within their range and no narrower."""
    low, middle, high = _quantiles(many, many_rows, (0.1, 0.5, 0.9))
    centre = float(_quantiles(few, rows, (0.5,))[0])
    known = [f for factor in FACTORS for f in (factor, 1 / factor)]
    best = min(known, key=lambda f: abs(centre + np.log10(f) - middle))
    moved = few + np.log10(best)
    slack = 0.05 + 0.1 * float(many.max() - many.min())
    inside = moved.min() >= many.min() - slack and moved.max() <= many.max() + slack
    near = low <= centre + np.log10(best) <= high
    alike = few.max() - few.min() >= 0.3 * (high - low)
    return best if inside and near and alike else None


def _quantiles(values: np.ndarray, rows: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles of sorted distinct values with their counts."""
    reached = np.cumsum(rows) / rows.sum()
    return values[np.minimum(np.searchsorted(reached, at), len(values) - 1)]
