"""Whether somebody who should beat is gone: the one decision about time that anything depends on.

The wall clock is never asked: it is set by people, by time servers and by daylight saving, and a step of an hour must
not end a run that is alive. Each beat records the machine's monotonic clock, which on Linux all processes share,
together with the id of the boot it counts from.

- Same boot: gone when the last beat is older than the lease on that shared clock.
- Another boot, no boot id (other systems), or a beat from the future: the clocks cannot be compared. The observer then
  remembers the beat it saw; gone when it sees the very same beat again more than a lease later on its own clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LEASE_SECONDS = 15.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Pulse:
    """One beat: on which boot, when (monotonic seconds), and the how many-th."""

    boot: str
    at: float
    count: int


class Watch:
    """An observer of pulses. One per process is enough, and it must live for more than one look."""

    def __init__(self, now: Callable[[], float] = time.monotonic, boot: str | None = None) -> None:
        self._now = now
        self._boot = _boot_id() if boot is None else boot
        self._seen: dict[str, tuple[Pulse, float]] = {}

    def beat(self, count: int) -> Pulse:
        """The pulse of this moment."""
        return Pulse(self._boot, self._now(), count)

    def gone(self, who: str, pulse: Pulse) -> bool:
        """Whether the one that gave `pulse` last is gone. `who` names it for the observer's memory."""
        now = self._now()
        if self._boot and pulse.boot == self._boot and now >= pulse.at:
            return now - pulse.at > LEASE_SECONDS
        seen = self._seen.get(who)
        if seen is None or seen[0] != pulse:
            self._seen[who] = (pulse, now)
            return False
        return now - seen[1] > LEASE_SECONDS


def _boot_id() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""
