"""What the machines of a company hold together, and whether it is what one machine holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.team.servers import BUCKET
from waste_assets_tests.loopback import s3_client
from waste_assets_tests.plug.roots import Held, held

#: Tables; not files, pages, and what the state database holds.
_TABLES = ("lake/", "bi/", "waste.duckdb/")


def tables(data: Path) -> Held:
    """The rows of every partition and every BI table below a data root, in order."""
    return {name: rows for name, rows in held(data).items() if name.startswith(_TABLES)}


def fetch_lake(environment: Mapping[str, str], prefix: str, data: Path) -> None:
    """Copy the lake of the bucket below a data root, as on one machine."""
    client = s3_client(environment)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
    for page in pages:
        for found in page.get("Contents", ()):
            target = data / "lake" / found["Key"].removeprefix(f"{prefix}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, found["Key"], str(target))


def upload(environment: Mapping[str, str], folder: Path, prefix: str) -> None:
    """Make the bucket, and put a folder into it."""
    client = s3_client(environment)
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        client.upload_file(str(path), BUCKET, f"{prefix}/{path.relative_to(folder)}")


def rows(found: Held) -> int:
    """How many rows all of that has."""
    return sum(len(one[1] if isinstance(one, tuple) else one) for one in found.values())
