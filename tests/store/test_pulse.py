"""Who is gone is judged on clocks that nobody can set."""

from __future__ import annotations

from pipeline.store.pulse import LEASE_SECONDS, Watch


class Clock:
    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def test_on_the_same_boot_one_look_is_enough():
    clock = Clock()
    worker, page = Watch(clock, "boot"), Watch(clock, "boot")
    pulse = worker.beat(1)
    clock.at += LEASE_SECONDS
    assert not page.gone("run", pulse)
    clock.at += 0.1
    assert page.gone("run", pulse)


def test_after_another_boot_two_looks_are_needed():
    clock = Clock(5.0)
    pulse, page = Watch(Clock(90_000.0), "before").beat(7), Watch(clock, "after")
    assert not page.gone("run", pulse)
    clock.at += LEASE_SECONDS
    assert not page.gone("run", pulse)
    clock.at += 0.1
    assert page.gone("run", pulse)


def test_a_beat_between_two_looks_counts():
    clock, worker = Clock(5.0), Watch(Clock(90_000.0), "elsewhere")
    page = Watch(clock, "here")
    for count in range(5):
        assert not page.gone("run", worker.beat(count))
        clock.at += LEASE_SECONDS * 0.9


def test_without_a_boot_id_and_with_beats_from_the_future_nobody_is_declared_gone_at_first_sight():
    assert not Watch(Clock(9e9), "").gone("run", Watch(Clock(1.0), "").beat(1))
    assert not Watch(Clock(1.0), "boot").gone("run", Watch(Clock(9e9), "boot").beat(1))


def test_each_one_is_remembered_apart():
    clock, page = Clock(5.0), Watch(Clock(5.0), "here")
    first, second = Watch(clock, "there").beat(1), Watch(clock, "there").beat(2)
    assert not page.gone("a", first)
    assert not page.gone("b", second)
    assert not page.gone("a", first)
