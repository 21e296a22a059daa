"""Drafts: the plan that a person is working on for a dataset, with what it was before; and recipes kept by name.

What was before is two stacks per dataset, one to undo and one to redo. Saving a draft puts the one it replaces on the
first and empties the second; undoing and redoing move a plan from one to the other.
"""

from __future__ import annotations

import time
import zlib
from typing import Any

from sqlmodel import Session, col, delete, select

from pipeline.errors import NotFound, UnknownName
from pipeline.plan import Plan
from pipeline.store.datasets import dataset_row
from pipeline.store.engine import Database
from pipeline.store.records import Template, checked_name, plain
from pipeline.store.rows import DraftRow, FormerDraftRow, TemplateRow, to_plan, to_template

MOST_KEPT = 100  # former drafts per dataset


class Drafts:
    """What is being worked on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, dataset_id: str, plan: Plan) -> None:
        with self._database.write() as session:
            dataset_row(session, dataset_id)
            if _replace(session, dataset_id, plan.model_dump_json(), redo=False):
                session.exec(delete(FormerDraftRow).where(*_stack(dataset_id, redo=True)))
                _trim(session, dataset_id)

    def get(self, dataset_id: str) -> Plan | None:
        with self._database.read() as session:
            row = session.get(DraftRow, dataset_id)
        return to_plan(row.plan) if row else None

    def turn(self, dataset_id: str, *, redo: bool) -> Plan | None:
        """Undo the last change of the draft, or redo what was undone last; None when there is none."""
        with self._database.write() as session:
            former = session.exec(_top(dataset_id, redo)).first()
            if former is None:
                return None
            text = zlib.decompress(former.plan).decode()
            session.delete(former)
            session.flush()
            _replace(session, dataset_id, text, redo=not redo)
        return to_plan(text)

    def turns(self, dataset_id: str) -> tuple[list[str] | None, list[str] | None]:
        """The parts of the plan that undoing and redoing would change; None where there is nothing to undo or redo."""
        with self._database.read() as session:
            undo, redo = (session.exec(_top(dataset_id, redo).with_only_columns(FormerDraftRow.changed)).first() for redo in (False, True))
        return undo, redo

    # Templates

    def keep_template(self, name: str, recipe: dict[str, Any]) -> Template:
        checked_name("template", name)
        with self._database.write() as session:
            row = session.merge(TemplateRow(name=name, recipe=plain(recipe), saved=time.time()))
            return to_template(row)

    def templates(self) -> list[Template]:
        with self._database.read() as session:
            return [to_template(row) for row in session.exec(select(TemplateRow).order_by(col(TemplateRow.name)))]

    def template(self, name: str) -> Template:
        with self._database.read() as session:
            row = session.get(TemplateRow, name)
            if row is None:
                raise UnknownName("template", name, session.exec(select(TemplateRow.name)))
            return to_template(row)

    def delete_template(self, name: str) -> None:
        with self._database.write() as session:
            row = session.get(TemplateRow, name)
            if row is None:
                raise NotFound(f"There is no template {name!r} any more.", "Somebody else has deleted it.")
            session.delete(row)


def _replace(session: Session, dataset_id: str, text: str, *, redo: bool) -> bool:
    """Put `text` in the place of the draft, and what was there on a stack; whether anything changed."""
    row = session.get(DraftRow, dataset_id)
    if row is not None:
        changed = _changed(to_plan(row.plan), to_plan(text))
        if not changed:
            return False
        session.add(FormerDraftRow(dataset_id=dataset_id, redo=redo, plan=zlib.compress(row.plan.encode()), changed=changed))
    session.merge(DraftRow(dataset_id=dataset_id, plan=text, saved=time.time()))
    return row is not None


def _changed(one: Plan, other: Plan) -> list[str]:
    return [name for name in Plan.model_fields if getattr(one, name) != getattr(other, name)]


def _stack(dataset_id: str, redo: bool) -> tuple:
    return FormerDraftRow.dataset_id == dataset_id, FormerDraftRow.redo == redo


def _top(dataset_id: str, redo: bool) -> Any:
    return select(FormerDraftRow).where(*_stack(dataset_id, redo)).order_by(col(FormerDraftRow.seq).desc()).limit(1)


def _trim(session: Session, dataset_id: str) -> None:
    kept = select(FormerDraftRow.seq).where(*_stack(dataset_id, redo=False)).order_by(col(FormerDraftRow.seq).desc()).limit(MOST_KEPT)
    session.exec(delete(FormerDraftRow).where(*_stack(dataset_id, redo=False), col(FormerDraftRow.seq).not_in(kept)))
