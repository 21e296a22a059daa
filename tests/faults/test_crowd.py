"""Many processes at once: nothing is lost, and of everything there is exactly one winner (R7, R9, R20)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.store import homes

pytestmark = pytest.mark.faults


def test_eight_processes_lose_nothing(store, crowd):
    people = crowd(8)
    plan = homes.plan_for(store)
    submitted = people.all("submit", plan.model_dump_json(), only=3)
    assert len(set(submitted)) == 1, "the same plan at the same moment is one run"
    run = submitted[0]
    assert people.all("count", run, 30) == [30] * 8
    events = [event for event in store.events(run, limit=10_000) if event.kind == "log"]
    assert Counter(event.payload["pid"] for event in events).most_common()[-1][1] == 30
    assert len(events) == 240
    homes.all_is_well(store)

    runs = [run, *(store.submit(homes.plan_for(store, seed)).id for seed in range(1, 12))]
    claimed = [run for some in people.all("claim_all", 12) for run in some]
    assert sorted(claimed) == sorted(runs), "each run is claimed once"

    ended = [store.claim("w", store.submit(homes.plan_for(store, seed)).id) for seed in range(50, 60)]
    for lease in ended:
        store.finish(lease, state="done", evaluation={}, leaderboard=[], artifacts={"predictor": {1}})
    first, *others = people.all("keep", [lease.run.id for lease in ended], "churn")
    assert sorted(first.values()) == list(range(1, 11)) and all(other == first for other in others)
    assert [version.version for version in store.versions("churn")] == list(range(10, 0, -1))
    homes.all_is_well(store)


def test_a_full_disk_is_said_and_nothing_is_half(store, crowd):
    said, later = crowd(1).all("fill", 200_000, 1_000_000)[0]
    assert said.startswith("StoreError: The disk is full")
    assert "nothing that was stored is lost" in said
    assert later == 1_000_000
    assert list((store.home / "tmp").iterdir()) == []
    homes.all_is_well(store)
