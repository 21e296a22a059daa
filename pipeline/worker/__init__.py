"""Who does the runs: a light supervisor that claims and beats, and one warmed child process that trains.

    python -m pipeline worker [--home DIR] [--once RUN]

Whoever is killed, the run is not lost: a killed child is noticed at once, a killed supervisor takes its child with it
and its lease runs out. The command line (`run_here`) and the app (`ensure_worker`) share one path.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from pipeline.store import Store
from pipeline.worker.process import child
from pipeline.worker.supervisor import ensure_worker, run_here, serve
from pipeline.worker.training import Reporter, perform

__all__ = ["Reporter", "child", "ensure_worker", "main", "perform", "run_here", "serve"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of `python -m pipeline worker`; the exit status. With --once, 1 when the run did not end as done."""
    parser = argparse.ArgumentParser(prog="pipeline worker", description="Do the queued runs of a home.")
    parser.add_argument("--home", help="the folder of the store; default: $TRAINYARD_HOME, else the user's data folder")
    parser.add_argument("--once", metavar="RUN", help="do this one queued run and end")
    parser.add_argument("--token", default="", help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    if given.child:
        return child(given.home, given.parent)
    if given.once:
        return 0 if run_here(Store(given.home), given.once).state == "done" else 1
    return serve(given.home, given.token)
