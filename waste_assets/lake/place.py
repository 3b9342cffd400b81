"""Where the lake of a data root lies: below it, or in the bucket that a variable names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waste_assets.lake.lake import Lake

LAKE = "WASTE_ASSETS_LAKE"
#: URL of the state database; without one it is a file of the data root.
STATE = "WASTE_ASSETS_STATE"
#: Copies of what lies in a bucket, below the data root.
COPIES = "lake-copies"
#: Beside the tables: what was deleted on request.
FORGOTTEN = "forgotten.json"


def lake_of(data_root: Path, url: str | None = None) -> Lake:
    """The lake of a data root; `url` where it is not below it (None: as the environment says).

    Raises:
        Fault: the URL is not that of a bucket.
    """
    from waste_assets.lake.lake import Lake

    given = os.environ.get(LAKE, "") if url is None else url
    if "://" not in given:
        return Lake(directory_of(data_root, given))
    # Only who has a bucket needs what reads it.
    from waste_assets.lake.bucket import BucketLake
    from waste_assets.lake.objects import Place

    place = Place.of(given)
    return BucketLake(data_root / COPIES / place.bucket / place.prefix, place.url)


def may_have_forgotten(data_root: Path, given: str) -> bool:
    """Whether it is worth asking the lake what was deleted on request."""
    return "://" in given or (directory_of(data_root, given) / FORGOTTEN).exists()


def directory_of(data_root: Path, given: str) -> Path:
    """The directory of a lake that is in no bucket."""
    return Path(given).expanduser().absolute() if given else data_root / "lake"
