"""What the machines of a company hold together, and whether it is what one machine holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from benchmarks.team.servers import BUCKET
from waste_assets_tests.plug import roots
from waste_assets_tests.plug.roots import Held, held

#: Tables; not files, pages, and what the state database holds.
_TABLES = ("lake/", "bi/", "waste.duckdb/")


def tables(data: Path) -> Held:
    """The rows of every partition and every BI table below a data root, in order."""
    return {name: rows for name, rows in held(data).items() if name.startswith(_TABLES)}


def fetch_lake(environment: Mapping[str, str], prefix: str, data: Path) -> int:
    """Copy the lake of the bucket below a data root, as on one machine; returns its files."""
    client = _client(environment)
    count = 0
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
    for page in pages:
        for found in page.get("Contents", ()):
            target = data / "lake" / found["Key"].removeprefix(f"{prefix}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, found["Key"], str(target))
            count += 1
    return count


def upload(environment: Mapping[str, str], folder: Path, prefix: str) -> int:
    """Make the bucket, and put a folder into it; returns its files."""
    client = _client(environment)
    client.create_bucket(Bucket=BUCKET)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        client.upload_file(str(path), BUCKET, f"{prefix}/{path.relative_to(folder)}")
    return len(files)


def rows(found: Held) -> int:
    """How many rows all of that has."""
    return sum(len(one[1] if isinstance(one, tuple) else one) for one in found.values())


def how(expected: Any, now: Any) -> str:
    """In what way two of these differ."""
    return roots.how(expected, now)


def _client(environment: Mapping[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
