"""How Superset runs here: by itself, for people of this machine, asking nobody else.

`run.sh` sets WASTE_ASSETS_SUPERSET_HOME: the folder of Superset's own database and of its key.
"""

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from superset import config as defaults

_home = Path(os.environ["WASTE_ASSETS_SUPERSET_HOME"])

SECRET_KEY = (_home / "secret_key").read_text("ascii").strip()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_home / 'superset.db'}"

# Pages load what this machine serves, and nothing else: no counting of visitors (Superset's pages
# have a pixel of a service for that, built in), no news, no tiles of maps.
TALISMAN_ENABLED = True
TALISMAN_CONFIG: dict[str, Any] = deepcopy(defaults.TALISMAN_CONFIG)
for _sources in TALISMAN_CONFIG["content_security_policy"].values():
    if isinstance(_sources, list):
        # 'self' and its like, and blob: and data:, which a page makes itself.
        _sources[:] = [one for one in _sources if one.startswith("'") or one.endswith(":")]

# Nothing is cached but what filters are set to: a new publication shows at once.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache", "CACHE_DEFAULT_TIMEOUT": -1}
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
