"""Contracts: what the versions of a dataset must be like, by the dataset's name, and what each version breaks of it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.store.engine import Database
from pipeline.store.records import Dataset, checked_name, plain
from pipeline.store.rows import BreachRow, ContractRow

if TYPE_CHECKING:
    from pipeline.data.contract import Breach, Contract


class Contracts:
    """One contract for each dataset name; a version is judged once by each state of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Contract | None:
        from pipeline.data.contract import Contract

        with self._database.read() as session:
            row = session.get(ContractRow, name)
        return Contract.model_validate_json(row.contract) if row else None

    def save(self, name: str, contract: Contract) -> None:
        checked_name("dataset", name)
        with self._database.write() as session:
            session.merge(ContractRow(name=name, contract=contract.model_dump_json(), saved=time.time()))

    def drop(self, name: str) -> None:
        with self._database.write() as session:
            row = session.get(ContractRow, name)
            if row:
                session.delete(row)

    def breaches(self, dataset: Dataset) -> list[Breach] | None:
        """What this version breaks; None when its name has no contract."""
        contract = self.get(dataset.name)
        if contract is None:
            return None
        state = hashlib.sha256(contract.model_dump_json().encode()).hexdigest()
        with self._database.read() as session:
            row = session.get(BreachRow, dataset.id)
        if row is None or row.contract_sha != state:
            found = plain([asdict(breach) for breach in contract.check_parts(dataset.parts(), dataset.schema)])
            row = BreachRow(dataset_id=dataset.id, contract_sha=state, breaches=found, judged=time.time())
            with self._database.write() as session:
                row = session.merge(row)
        return [_breach(kept) for kept in row.breaches]


def _breach(kept: dict[str, Any]) -> Breach:
    from pipeline.data.contract import Breach

    return Breach(**{**kept, "examples": tuple((row, value) for row, value in kept["examples"])})
