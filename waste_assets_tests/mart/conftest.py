"""What the tests of publications share."""

from __future__ import annotations

import pytest

from waste_assets_tests.mart.lakes import Lakes


@pytest.fixture(scope="session")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Lakes:
    """Two lakes over the same days, made once: nobody writes to them."""
    return Lakes.make(tmp_path_factory.mktemp("lakes"), sessions=6, days=4)
