"""What several folders of tests use: servers, and an environment that is put back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from waste_assets_tests import postgres_server

if TYPE_CHECKING:
    from waste_assets_tests.bucket_server import BucketServer


#: Each takes half a minute or more: where they began last, a core would wait for them.
_LONG = (
    "test_ui.py", "team/", "test_corpus.py", "test_readers.py", "test_forgetting.py", "plug/",
    "test_checks.py", "test_days.py", "test_cli.py", "test_archive.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long begin first."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in _LONG))


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


@pytest.fixture(scope="session")
def running_bucket() -> Iterator[BucketServer]:
    """The server of all tests that want a bucket."""
    # Importing it takes a second.
    from waste_assets_tests.bucket_server import BucketServer

    with BucketServer().running() as server:
        yield server


@pytest.fixture
def server(running_bucket: BucketServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    """An S3 server with an empty bucket, that every program finds by its environment."""
    from waste_assets.lake import objects

    for name, value in running_bucket.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    objects._client_of.cache_clear()
    yield running_bucket
    running_bucket.clear()


@pytest.fixture
def environment() -> Iterator[None]:
    """Put back what an audit in this process changes: it tells those that it starts where it is."""
    before, umask = dict(os.environ), os.umask(0o077)
    os.umask(umask)
    yield
    os.umask(umask)
    os.environ.clear()
    os.environ.update(before)
