"""What the target is like: lonely values (DQ027), gaps elsewhere that depend on it (DQ028), too few rows to learn it (DQ033)."""

from __future__ import annotations

import numpy as np

from pipeline.catalog import Param
from pipeline.quality.alone import area
from pipeline.quality.classes import CLASSES
from pipeline.quality.entry import Verdict, check_entry, leave_out, passed
from pipeline.quality.subject import Subject, counted, percent, some
from pipeline.quality.values import far_out

LEAK = 0.9  # a gap that tells the target this well is found by DQ012


@check_entry(
    code="DQ027",
    title="Outliers of the target",
    help="Values of the target far outside the range of nearly all others. A few of them can decide what a model learns, and how it is judged.",
    severity="Warning: look at them before anything learns from them.",
    needs_target=True,
    tasks=("regression",),
    params=(
        Param("fence", "float", 6.0, "Fence", "How many times as far from the median as the outermost 5 % a number may lie.", 2.0, 100.0),
        Param("most", "float", 0.01, "At most", "A larger share of the rows is a group of its own, not outliers.", 0.0, 0.2),
        Param("rows", "int", 50, "At least", "Rows with a known target.", 10, 1_000_000, unit="rows"),
    ),
)
def target_outliers(subject: Subject, params: dict) -> Verdict:
    far = far_out(subject, subject.target, params)
    if far is None:
        return passed(f"No value of {subject.target!r} lies more than {params['fence']:g} times as far out as the outermost 5 %.")
    x = subject.numbers(subject.target)
    seen = f"{counted(int(far.sum()), 'value')} of {subject.target!r}, from {x[far].min():g} to {x[far].max():g}, where the median is {np.nanmedian(x):g}"
    return Verdict(
        f"{seen}. If they are mistakes, correct them in the file; if not, judge by the mean absolute error, which they do not rule.", "warning",
        (subject.target,), far, {"rows": int(far.sum()), "least": float(x[far].min()), "most": float(x[far].max()), "median": float(np.nanmedian(x))},
    )  # fmt: skip


@check_entry(
    code="DQ028",
    title="Gaps that depend on the target",
    help="Tests for each column whether cells are empty more often for one outcome than for another (chi-squared test for classes, rank-sum test "
    "for numbers, corrected for the number of columns). That a cell is empty then tells something, and filling it in would hide it.",
    severity="Warning from the second threshold; information from the first.",
    needs_target=True,
    params=(
        Param("notice", "float", 0.1, "Notice from", "Cramér's V without its bias for classes, rank correlation for numbers.", 0.0, 1.0),
        Param("warn", "float", 0.5, "Warn from", "The same measure.", 0.0, 1.0),
        Param("chance", "float", 0.001, "Chance below", "Of so strong a tie without a reason, over all columns together.", 0.0, 0.5),
        Param("rows", "int", 10, "At least", "Empty cells, and filled ones, that a column needs.", 1, 1_000_000, unit="rows"),
    ),
)
def telling_gaps(subject: Subject, params: dict) -> Verdict:
    known = ~subject.missing(subject.target)
    gaps = {name: subject.missing(name)[known] for name in subject.features}
    gaps = {name: gap for name, gap in gaps.items() if params["rows"] <= gap.sum() <= len(gap) - params["rows"]}
    if not gaps:
        return passed(f"No column has {params['rows']} empty and {params['rows']} filled cells.")
    tie = _tie_to_number if subject.task == "regression" else _tie_to_class
    ties = {name: tie(subject, gap, known) for name, gap in gaps.items()}
    hit = {name: size for name, (size, chance) in ties.items() if chance * len(ties) <= params["chance"] and params["notice"] <= abs(size) < LEAK}
    if not hit:
        return passed(f"In none of {counted(len(ties), 'column')} with empty cells do these depend on {subject.target!r}.")
    worst = sorted(hit, key=lambda name: -abs(hit[name]))
    return Verdict(
        f"{some(_told(subject, name, gaps[name], known) for name in worst)}. The recipe marks the gaps, so a model can use them; ask why they are there.",
        "warning" if abs(hit[worst[0]]) >= params["warn"] else "info", tuple(worst), np.any([subject.missing(name) for name in hit], axis=0),
        {"tie": {name: hit[name] for name in worst}, "chance": {name: ties[name][1] for name in worst}}, (leave_out("DQ028", worst),),
    )  # fmt: skip


def _tie_to_class(subject: Subject, gap: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Cramér's V, its bias taken away (Bergsma 2013), and the chance of as much by luck."""
    from scipy.stats import chi2

    codes = subject.codes(subject.target)[0][known]
    seen = np.stack([np.bincount(codes[gap], minlength=int(codes.max()) + 1), np.bincount(codes[~gap], minlength=int(codes.max()) + 1)]).astype(float)
    expected = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0, keepdims=True) / seen.sum()
    apart, free, n = float(((seen - expected) ** 2 / expected).sum()), seen.shape[1] - 1, len(gap)
    if not free:
        return 0.0, 1.0
    phi = max(0.0, apart / n - free / (n - 1))
    return float(min(1.0, (phi / max(min(1 - 1 / (n - 1), free - free**2 / (n - 1)), 1e-9)) ** 0.5)), float(chi2.sf(apart, free))


def _tie_to_number(subject: Subject, gap: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """The rank correlation of being empty and the target (twice the area under the curve, less one), and the chance of it."""
    from scipy.stats import mannwhitneyu

    y = subject.numbers(subject.target)[known]
    return 2 * area(gap.astype(float), y) - 1, float(mannwhitneyu(y[gap], y[~gap]).pvalue)


def _told(subject: Subject, name: str, gap: np.ndarray, known: np.ndarray) -> str:
    if subject.task == "regression":
        y = subject.numbers(subject.target)[known]
        return f"where {name!r} is empty the median of {subject.target!r} is {np.median(y[gap]):g}, elsewhere {np.median(y[~gap]):g}"
    codes, values = subject.codes(subject.target)[0][known], subject.codes(subject.target)[1]
    rates, counts = np.bincount(codes, weights=gap) / np.maximum(np.bincount(codes), 1), np.bincount(codes)
    common = np.flatnonzero(counts >= min(10, counts.max()))
    most, least = int(common[rates[common].argmax()]), int(common[rates[common].argmin()])
    column = subject.schema[subject.target]
    ends = [f"{percent(float(rates[i]))} of the rows of {str(column.label(values[i]))!r}" for i in (most, least)]
    return f"{name!r} is empty in {ends[0]} and in {ends[1]}"


@check_entry(
    code="DQ033",
    title="Too few rows for the question",
    help="With few rows a score is mostly luck, and many columns fit anything. The first is measured by how wide a 95 % interval of "
    "the accuracy is when every row is tested once (0.98 / √rows), the second by the rows of the rarer outcome for each column; ten are the usual "
    "rule (Peduzzi and others 1996), and regularised models bear less.",
    severity="Warning when the interval is wider than the threshold, or rows are fewer than columns; information when rows for each column are few.",
    needs_target=True,
    params=(
        Param("width", "float", 0.1, "At most plus or minus", "Half the width of the interval.", 0.001, 0.5),
        Param("rows", "float", 5.0, "Rows for each column", "Of the rarer outcome; of all rows where a number is predicted.", 0.1, 1000.0),
    ),
)
def too_small(subject: Subject, params: dict) -> Verdict:
    known, columns = int((~subject.missing(subject.target)).sum()), max(1, len([n for n in subject.features if subject.kind(n) != "id"]))
    useful = known if subject.task not in CLASSES else _of_the_rarer(subject.counts(subject.target))
    width, each = 0.98 / known**0.5, useful / columns
    words = []
    if width > params["width"]:
        words.append(f"With {counted(known, 'row')} the accuracy is known to plus or minus {100 * width:.0f} points at best; differences below that are luck.")
    if each < params["rows"]:
        what = "with a known target" if subject.task not in CLASSES else "of the rarer outcome"
        words.append(f"There are {each:.2g} rows {what} for each of {counted(columns, 'column')}; leave out columns, or take a simple model.")
    if not words:
        return passed(f"{counted(known, 'row')}, {each:,.0f} for each column; the accuracy will be known to plus or minus {100 * width:.1f} points.")
    severe = width > params["width"] or known < columns
    evidence = {"rows": known, "columns": columns, "half_width": width, "rows_per_column": each}
    return Verdict(" ".join(words), "warning" if severe else "info", (), None, evidence)


def _of_the_rarer(counts: np.ndarray) -> float:
    """Rows that are not of the commonest class: for two classes those of the rarer one."""
    return float(counts.sum() - counts.max())
