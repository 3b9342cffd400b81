"""A state database on Postgres, as people set it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa


@pytest.fixture
def setting(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The variable names a database of its own, as people write such a URL."""
    plain = postgres.replace("postgresql+psycopg://", "postgresql://")
    monkeypatch.setenv("WASTE_ASSETS_STATE", plain)
    yield plain
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
