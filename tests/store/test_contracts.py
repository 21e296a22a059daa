"""Contracts are kept by the dataset's name, and every version is judged by the contract as it is now."""

from __future__ import annotations

import pandas as pd

from pipeline.data.contract import Contract
from tests.store import homes


def test_a_contract_is_kept_and_every_later_import_is_checked(store, tmp_path):
    first = store.datasets("churn")[0]
    assert (store.contract("churn"), store.breaches(first)) == (None, None)
    learned = Contract.learn(first.table(), first.schema)
    store.save_contract("churn", learned)
    assert store.contract("churn") == learned
    assert store.breaches(first) == []
    later = store.add_dataset("churn", homes.write_csv(tmp_path / "next.csv", shift=1_000_000))
    (breach,) = store.breaches(later)
    assert (breach.column, breach.rule, breach.rows) == ("amount", "range", homes.ROWS)
    assert breach.examples[0] == (1, later.table()["amount"][0])
    assert pd.concat(later.parts()).equals(later.table()) and all(part.dtypes.equals(later.table().dtypes) for part in later.parts())
    store.save_contract("churn", learned.edited([{"column": "amount", "high": None}]))
    assert store.breaches(later) == []
    store.drop_contract("churn")
    assert store.breaches(later) is None
