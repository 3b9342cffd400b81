"""Servers that several folders of tests use."""

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
