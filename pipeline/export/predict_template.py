#!/usr/bin/env python3
"""Score a file with the model beside this script: python predict.py ROWS.csv --out PREDICTIONS.csv

Needs the packages of requirements.txt and nothing else. Every file is checked against SHA256SUMS before the model is opened.
"""

import argparse
import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def verify() -> None:
    """End with a message if any file of the bundle is not as it was exported."""
    for line in (HERE / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ", 1)
        if hashlib.sha256((HERE / name).read_bytes()).hexdigest() != digest:
            sys.exit(f"error: {name} is not as it was exported.\nhint: unpack the bundle again.")


def main() -> int:
    parser = argparse.ArgumentParser(description="Score a file with the model of this bundle.")
    parser.add_argument("data", help="CSV, TSV, Excel, Parquet, JSON or JSON Lines")
    parser.add_argument("--out", required=True, help="where the predictions go, as CSV")
    args = parser.parse_args()
    verify()
    sys.path.insert(0, str(HERE))
    import joblib

    from pipeline.data import read_rows
    from pipeline.data.contract import Contract
    from pipeline.errors import TrainyardError

    predictor = joblib.load(HERE / "model.joblib")
    try:
        table, _ = read_rows(args.data, predictor.schema)
        terms = HERE / "contract.json"
        scored = predictor.score(table, Contract.model_validate_json(terms.read_bytes()) if terms.exists() else None)
    except TrainyardError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")
    Path(args.out).write_bytes(scored.csv())
    for notice in scored.notices:
        sys.stderr.write(f"note: {notice}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
