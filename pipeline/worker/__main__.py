"""`python -m pipeline.worker`: the supervisor, one run, or a child."""

from __future__ import annotations

import sys

from pipeline.worker import main

if __name__ == "__main__":
    sys.exit(main())
