"""What the course of a run says: each finding has a curve that shows it, and one that does not."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.curves import Course, Fit, Point, busy_share, flags, thinned


def curve(losses: list[float | None], train: list[float] | None = None) -> list[Point]:
    """A learning curve from losses, one point every ten iterations."""
    trained = [-t for t in train] if train else [None] * len(losses)
    return [Point(10 * k, None if loss is None else -loss, t) for k, (loss, t) in enumerate(zip(losses, trained))]


def codes(points: list[Point]) -> list[str]:
    return [code for code, _ in flags(points)]


FALLING = [1 / (1 + k) for k in range(20)]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        (curve([0.5]), []),
        (curve(FALLING), []),
        (curve([None] * 20), []),
        (curve([0.9, 0.8, None, None]), ["nan"]),
        (curve([0.9, math.nan, math.nan]), ["nan"]),
        (curve([math.inf]), ["nan"]),
        (curve([0.5, 0.6, 0.9, 2.0, 5.0]), ["diverged"]),
        (curve([0.5, 0.4, 9.0, 0.4, 0.35]), []),
        (curve([0.5, 0.4] + [0.39] * 18), ["plateau"]),
        (curve([0.5, 0.4] + [0.39] * 4), []),
        (curve([0.5, 0.40, 0.41, 0.42, 0.43], [0.5, 0.3, 0.2, 0.15, 0.1]), ["overfit"]),
        (curve([0.5, 0.40, 0.41, 0.42, 0.43], [0.5, 0.3, 0.31, 0.32, 0.33]), []),
        (curve([0.5, 0.40, 0.401, 0.402, 0.401], [0.5, 0.3, 0.2, 0.15, 0.1]), []),
        (curve([0.5, 0.40, 0.41, 0.42, 0.43]), []),
    ],
    ids=["empty", "one", "falling", "nothing held back", "stored nan", "nan", "infinite", "diverging", "one odd point", "flat",
         "too few to be flat", "over-fitting", "both rise", "within noise", "training unknown"],
)  # fmt: skip
def test_a_curve_is_flagged(points, expected):
    assert codes(points) == expected


def test_a_finding_says_where_and_how_much():
    (nan,) = flags(curve([0.9, 0.8, None]))
    assert "iteration 20" in nan[1]
    (diverged,) = flags(curve([0.5, 0.6, 0.9, 2.0, 5.0]))
    assert "from 0.5 to 5" in diverged[1]
    (overfit,) = flags(curve([0.5, 0.40, 0.41, 0.42, 0.43], [0.5, 0.3, 0.2, 0.15, 0.1]))
    assert "0.4 at iteration 10" in overfit[1]


def test_a_finding_stays_when_the_curve_goes_on():
    """What is not a number once was not a number."""
    points = curve([0.9, 0.8, None, 0.7, 0.6, 0.5])
    assert all(codes(points[:n]) == ["nan"] for n in range(3, 7))


def test_a_thinned_curve_keeps_its_ends_and_its_extremes():
    points = [Point(k, math.sin(k / 300) + (5 if k == 4_321 else 0)) for k in range(10_000)]
    few = thinned(points, 200)
    assert len(few) <= 202
    assert (few[0], few[-1]) == (points[0], points[-1])
    assert points[4_321] in few, "a spike is what one looks for"
    assert [p.iteration for p in few] == sorted(p.iteration for p in few)
    assert thinned(points[:50]) == points[:50]
    assert thinned([Point(k, None) for k in range(1_000)], 100)


def test_the_busy_share_is_fit_time_over_slot_time():
    fits = [Fit(0, 4), Fit(4, 4), Fit(1, 5)]
    assert busy_share(fits, 2, 0, 10) == pytest.approx(13 / 20)
    assert busy_share(fits, 2, 2, 8) == pytest.approx((2 + 4 + 4) / 12), "only what lies inside counts"
    assert busy_share(fits, 0, 0, 10) is None and busy_share(fits, 2, 5, 5) is None and busy_share([], 2, 0, 1) == 0


def course(*events: tuple[float, str, dict]) -> Course:
    start, told = datetime(2026, 1, 1, tzinfo=UTC), Course()
    for seconds, kind, payload in events:
        told.take(kind, payload, start + timedelta(seconds=seconds))
    return told


def fit(began: float, seconds: float, slot: int, what: str = "fold") -> dict:
    return {
        "number": 1,
        "family": "linear",
        "what": what,
        "fold": 1,
        "slot": slot,
        "began": began,
        "seconds": seconds,
        "score": 0.5,
        "state": "complete",
    }


def test_the_course_of_a_run():
    told = course(
        (9, "started", {"attempt": 1}), (10, "phase", {"phase": "preparing", "message": ""}), (11, "phase", {"phase": "training", "message": ""}),
        (11, "trial_started", {"number": 1, "family": "linear", "params": {}, "wave": 0}), (15, "fit", fit(1, 4, 0)), (16, "fit", fit(1, 5, 1)),
        (17, "usage", {"cpu": 90.0, "memory": 10**9, "gpu": None, "gpu_memory": None}), (19, "fit", fit(5, 4, 0)),
        (20, "phase", {"phase": "refitting", "message": ""}), (30, "fit", fit(10, 9, 1, "refit")), (31, "no such kind", {}),
    )  # fmt: skip
    assert told.busy() == pytest.approx((4 + 5 + 4) / (2 * 9)), "from second 1 to second 10, in two slots, without the refit"
    assert told.families == {1: "linear"} and len(told.fits) == 4
    assert [use.at for use in told.usage] == [7]
    assert course().busy() is None


def test_while_it_trains_the_share_is_up_to_the_last_fit():
    told = course((0, "phase", {"phase": "tuning", "message": ""}), (4, "fit", fit(0, 4, 0)), (4, "fit", fit(1, 2, 1)))
    assert told.busy() == pytest.approx(6 / 8)


def test_another_attempt_counts_its_seconds_anew_and_fits_its_curves_again():
    rounds = [(k, "round", {"number": 1, "fold": 1, "iteration": k, "score": -1 / k, "train": None}) for k in (10, 20)]
    told = course(*rounds, (50, "fit", fit(1, 1, 0)), (60, "started", {"attempt": 2}), rounds[0])
    assert told.fits == []
    assert [p.iteration for p in told.curves[1, 1]] == [10]


def test_a_finding_is_told_once_for_all_folds_of_a_trial():
    told = course(*(
        (k, "round", {"number": 7, "fold": fold, "iteration": k, "score": None if k > 3 else -0.5, "train": None}) for fold in (1, 2) for k in range(1, 9)
    ))  # fmt: skip
    assert [(f.number, f.fold, f.code) for f in told.findings] == [(7, 1, "nan")]


def test_a_finding_that_was_seen_stays_though_the_curve_recovers():
    flat = [(k, "round", {"number": 7, "fold": 1, "iteration": k, "score": -0.5, "train": None}) for k in range(1, 20)]
    told = course(*flat)
    (seen,) = told.findings
    told.take("round", {"number": 7, "fold": 1, "iteration": 20, "score": -0.1, "train": None}, datetime(2026, 1, 1, tzinfo=UTC))
    assert seen.code == "plateau" and told.findings == [seen]
