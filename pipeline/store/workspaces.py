"""Where runs keep their finished fits: for a resume, and of a run in trials also for a day after, for a run that extends it."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import Literal

from pipeline.store.records import Run

WEEK, DAY = 7 * 86_400, 86_400  # seconds
# What fits have left, without what can be made again from the table. The names are those of `pipeline.trials`.
FITS = re.compile(r"owner|(fit|model)-.*|recipe--?\d+-[0-9a-f]+")


class Workspaces:
    """A folder with a directory for each run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, run_id: str) -> Path:
        return self.folder / run_id

    def settle(self, run_id: str, run: Run | None) -> bool:
        """Remove what nobody can need of a run as it stands (None: there is no such run any more); whether nothing is left."""
        kept = _kept(run)
        if kept == "nothing":
            shutil.rmtree(self.of(run_id), ignore_errors=True)  # what somebody still has open goes next time
        elif kept == "fits":
            for path in self.of(run_id).glob("*"):
                if not FITS.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        return kept == "nothing"

    def extend(self, run_id: str, earlier: str) -> None:
        """Give a run the fits of an earlier one. They are never written to, so both may have the same files."""
        self.of(run_id).mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self.of(earlier).glob("*"):
            if FITS.fullmatch(path.name):
                try:
                    os.link(path, self.of(run_id) / path.name)
                except (FileExistsError, FileNotFoundError):  # the run has begun, or somebody swept just now
                    continue


def _kept(run: Run | None) -> Literal["all", "fits", "nothing"]:
    if run is None or (run.discarded and not run.active):
        return "nothing"
    age = time.time() - run.finished.timestamp() if run.finished else 0
    if run.state == "done":  # a fit that the clock ended is of no use to a budget in trials
        return "fits" if run.plan.search.trials and age < DAY else "nothing"
    return "all" if run.active or age < WEEK else "nothing"
