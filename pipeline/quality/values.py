"""Values that do not belong: numbers among words (DQ007), numbers far away from all others (DQ009), very long tails (DQ021)."""

from __future__ import annotations

import re

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.entry import Verdict, add_step, check_entry, not_applicable, passed
from pipeline.quality.gaps import disguise
from pipeline.quality.ranges import impossible
from pipeline.quality.shape import zeros_apart
from pipeline.quality.subject import Subject, like, listed, percent, some
from pipeline.quality.units import other_scale, units_in

# 12, -3.5, 1e5, 1,234.50, 1 234,5, $12, 12 %, 5 €
NUMBER = re.compile(r"\s*[-+(]?\s*[$€£¥]?\s*[-+]?(\d{1,3}([, .']\d{3})+|\d+)?([.,]?\d+)?([eE][-+]?\d+)?\s*[%€$£¥]?\)?\s*")

MAYBE_NUMBER = r"^[^A-DF-Za-df-z]*\p{Nd}[^A-DF-Za-df-z]*$"  # a digit and no letter but e: what else is not worth the look


@check_entry(
    code="DQ007",
    title="Numbers and words in one column",
    help="A column that is text only because some of its cells are not numbers.",
    severity="Warning when most cells are numbers; information when a good part is.",
    params=(
        Param("warn", "float", 0.8, "Warn from", "Share of the filled cells that are numbers.", 0.0, 1.0),
        Param("notice", "float", 0.2, "Notice from", "Share of the filled cells that are numbers.", 0.0, 1.0),
    ),
)
def mixed_types(subject: Subject, params: dict) -> Verdict:
    columns = [name for name in subject.features if subject.is_text(name) and not subject.once(units_in, name)]
    if not columns:
        return not_applicable("No column is text.")
    facts = {name: fact for name in columns if (fact := _numbers_in(subject, name)) and fact["share"] >= params["notice"]}
    if not facts:
        return passed("No text column is partly numbers.")
    mostly = [name for name, fact in facts.items() if fact["share"] >= params["warn"]]
    odd = np.any([np.isin(subject.codes(name)[0], fact.pop("odd_codes")) for name, fact in facts.items()], axis=0)
    seen = "; ".join(
        f"{name!r}: {percent(f['share'])} numbers, the others such as {listed(f['others'])}" for name, f in list(facts.items())[:3]
    )
    more = f"; and {len(facts) - 3} more" if len(facts) > 3 else ""
    title = f"Read {listed(mostly)} as numbers; what is not one becomes missing"
    return Verdict(
        f"{seen}{more}.", "warning" if mostly else "info", tuple(facts), odd, facts,
        (add_step("DQ007", title, "to_number", mostly),) if mostly else (), safe=all(facts[name]["share"] >= 0.95 for name in mostly),
    )  # fmt: skip


def _numbers_in(subject: Subject, name: str) -> dict | None:
    """The share of filled cells that are numbers, with the commonest others; None when all are, or none is."""
    values, counts = subject.codes(name)[1], subject.counts(name)
    is_number = np.zeros(len(values), dtype=bool)
    for code in like(values, MAYBE_NUMBER):
        is_number[code] = _is_number(str(values[code]))
    if not is_number.any() or is_number.all():
        return None
    odd = np.flatnonzero(~is_number)
    commonest = odd[np.argsort(-counts[odd], kind="stable")][:5]
    share = float(counts[is_number].sum() / counts.sum())
    return {"share": share, "others": [str(values[i])[:40] for i in commonest], "other_rows": int(counts[odd].sum()), "odd_codes": odd}


def _is_number(text: str) -> bool:
    return any(c.isdigit() for c in text) and len(text) <= 40 and NUMBER.fullmatch(text) is not None


@check_entry(
    code="DQ009",
    title="Outliers",
    help="Numbers far outside the range of nearly all others: as a rule a slip of the keyboard or of the unit. "
    "Long tails are tolerated: a skewed column is measured on a logarithmic scale as well.",
    severity="Warning when a number lies ten times as far out as the fence; information otherwise.",
    params=(
        Param("fence", "float", 6.0, "Fence", "How many times as far from the median as the outermost 5 % a number may lie.", 2.0, 100.0),
        Param("most", "float", 0.01, "At most", "A larger share of the rows is a group of its own, not outliers.", 0.0, 0.2),
        Param("rows", "int", 50, "At least", "Filled rows that a column needs.", 10, 1_000_000, unit="rows"),
    ),
)
def outliers(subject: Subject, params: dict) -> Verdict:
    if not subject.figures:
        return not_applicable("The table has no numeric column besides the target.")
    masks = {name: mask for name in subject.figures if (mask := far_out(subject, name, params)) is not None}
    if not masks:
        return passed(f"No number lies more than {params['fence']:g} times as far out as the outermost 5 %.")
    facts = {name: _far_facts(subject, name, mask) for name, mask in masks.items()}
    seen = "; ".join(
        f"{name!r}: {f['rows']:,} rows, from {f['least']:g} to {f['most']:g} (median {f['median']:g})"
        for name, f in list(facts.items())[:3]
    )
    extreme = any(_times_out(subject, name) >= 10 * params["fence"] for name in masks)
    return Verdict(
        f"{seen}{f'; and {len(facts) - 3} more' if len(facts) > 3 else ''}.", "warning" if extreme else "info", tuple(masks),
        np.any(list(masks.values()), axis=0), facts,
        (add_step("DQ009", f"Cut {listed(list(masks))} off at the 1st and 99th percentile", "clip", list(masks), low=0.01, high=0.99),),
    )  # fmt: skip


def far_out(subject: Subject, name: str, params: dict) -> np.ndarray | None:
    """True in the rows that lie outside the fence; None when there are none, or too many to be outliers."""
    values = subject.counts(name)
    if len(values) <= 10 or values.sum() < params["rows"]:
        return None
    x = subject.numbers(name)
    bulk = _without_heap(subject, name, x)
    if len(bulk) < params["rows"] or not _beyond(x, bulk, params["fence"] / 2).any():
        return None
    x = np.where(subject.once(explained, name), np.nan, x)
    bulk = _without_heap(subject, name, x)
    if len(bulk) < params["rows"]:
        return None
    far = _beyond(x, bulk, params["fence"])
    if far.any() and _is_skewed(bulk) and bulk.min() >= 0:
        unit = max(float(np.median(bulk)), 1e-12)
        far &= _beyond(np.log1p(np.maximum(x, 0) / unit), np.log1p(bulk / unit), params["fence"]) | (x < 0)
    return far if 0 < far.sum() <= max(1.0, params["most"] * len(bulk)) else None


def explained(subject: Subject, name: str) -> np.ndarray:
    """Rows of a column that another check answers for: stand-ins, impossible numbers, another unit, zeros that lie apart."""
    hidden, other, out = subject.once(disguise, name), subject.once(other_scale, name), subject.once(impossible, name)
    codes = [*(hidden.codes if hidden else ()), *(other.codes if other else ())]
    told = np.isin(subject.codes(name)[0], codes) if codes else np.zeros(subject.rows, dtype=bool)
    told |= subject.numbers(name) == 0 if subject.once(zeros_apart, name) else False
    return told if out is None else told | out


def _without_heap(subject: Subject, name: str, x: np.ndarray) -> np.ndarray:
    """The filled cells; without the commonest value when that alone is over half of them, as 0 often is."""
    filled = x[~np.isnan(x)]
    values, counts = subject.codes(name)[1], subject.counts(name)
    top = int(counts.argmax())
    return filled[filled != float(values[top])] if counts[top] > 0.5 * counts.sum() else filled


def _spread(bulk: np.ndarray) -> tuple[float, float, float]:
    """The median, and how far the 5th percentile lies below and the 95th above it."""
    low, middle, high = np.quantile(bulk, (0.05, 0.5, 0.95))
    floor = max((high - low) / 10, 1e-12)
    return float(middle), max(float(middle - low), floor), max(float(high - middle), floor)


def _beyond(x: np.ndarray, bulk: np.ndarray, fence: float) -> np.ndarray:
    middle, below, above = _spread(bulk)
    with np.errstate(invalid="ignore"):
        return (x > middle + fence * above) | (x < middle - fence * below)


def _is_skewed(bulk: np.ndarray) -> bool:
    """A long upper tail, judged by where 98 % of the numbers lie, which a few outliers do not change."""
    low, middle, high = np.quantile(bulk, (0.01, 0.5, 0.99))
    return high - middle > 2.5 * (middle - low)


def _times_out(subject: Subject, name: str) -> float:
    """How many times as far out as the outermost 5 % the most extreme number lies."""
    x = subject.numbers(name)
    middle, below, above = _spread(_without_heap(subject, name, x))
    return float(max((np.nanmax(x) - middle) / above, (middle - np.nanmin(x)) / below))


def _far_facts(subject: Subject, name: str, mask: np.ndarray) -> dict:
    x = subject.numbers(name)
    return {"rows": int(mask.sum()), "least": float(x[mask].min()), "most": float(x[mask].max()), "median": float(np.nanmedian(x))}


@check_entry(
    code="DQ021",
    title="Very long tails",
    help="Compares how far the outermost one in a hundred lies above the middle and below it. Where one side is many times the other, "
    "straight lines and distances see little but the tail; trees do not mind.",
    severity="Information.",
    params=(
        Param("times", "float", 10.0, "Times", "How many times as far one end lies from the median as the other.", 2.0, 1000.0),
        Param("values", "int", 30, "Different numbers", "That a column needs.", 10, 1_000_000),
    ),
)
def skew(subject: Subject, params: dict) -> Verdict:
    if not subject.figures:
        return not_applicable("The table has no numeric column besides the target.")
    facts = {
        name: ratio
        for name in subject.figures
        if len(subject.codes(name)[1]) >= params["values"] and (ratio := _lopsided(subject, name)) >= params["times"]
    }
    if not facts:
        return passed(f"In no column does one end lie {params['times']:g} times as far from the median as the other.")
    seen = (f"in {name!r} one end lies {min(ratio, 999):,.0f} times as far from the median as the other" for name, ratio in facts.items())
    words = some(seen)
    return Verdict(f"{words[0].upper()}{words[1:]}.", "info", tuple(facts), None, {"times": facts})


def _lopsided(subject: Subject, name: str) -> float:
    """How many times as far from the median one end lies as the other; 1 where a heap at one end hides it. What another check reports does not count."""
    x = subject.numbers(name)[~(subject.missing(name) | subject.once(explained, name))]
    if not len(x):
        return 1.0
    low, middle, high = np.quantile(x, (0.01, 0.5, 0.99))
    above, below = high - middle, middle - low
    return float(max(above, below) / min(above, below)) if min(above, below) > 0 else 1.0
