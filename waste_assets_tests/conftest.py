"""What several folders of tests use: servers, and an environment that is put back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from waste_assets_tests import postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a database of a Postgres server that the tests may use."""
    given = os.environ.get("WASTE_ASSETS_TEST_POSTGRES")
    if given:
        yield given
        return
    programs = postgres_server.programs()
    if programs is None:
        pytest.skip("needs Debian's postgresql, or WASTE_ASSETS_TEST_POSTGRES")
    with postgres_server.running(programs) as url:
        yield url


@pytest.fixture
def environment() -> Iterator[None]:
    """Put back what an audit in this process changes: it tells those that it starts where it is."""
    before, umask = dict(os.environ), os.umask(0o077)
    os.umask(umask)
    yield
    os.umask(umask)
    os.environ.clear()
    os.environ.update(before)
