"""What several unit tests of a room start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import fake_init

from pyoci.state.store import Entry, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "root"))


@pytest.fixture
def entry(store: Store) -> Iterator[Entry]:
    with fake_init.published(store, "x") as made:
        yield made
