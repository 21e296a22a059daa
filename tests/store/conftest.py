from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.store import Lease, Store
from tests.store import homes


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return homes.make_home(tmp_path_factory.mktemp("template"))


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Store:
    return homes.copy_home(template, tmp_path / "a home")


@pytest.fixture
def lease(store: Store) -> Lease:
    """A run that this test holds."""
    return store.claim("test", store.submit(homes.plan_for(store)).id)
