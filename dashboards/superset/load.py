"""Put the dashboard, and who may see it, into Superset's own database. Runs in its environment.

    python dashboards/superset/load.py ZIP PASSWORD_FILE

What an earlier run put there is replaced. Charts and dashboards that people made stay.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import yaml
from superset.app import create_app

USER = "admin"


def contents(packed: Path) -> dict[str, str]:
    """The files of the zip, told so that all of them replace what is there."""
    with zipfile.ZipFile(packed) as whole:
        read = {name.split("/", 1)[1]: whole.read(name).decode() for name in whole.namelist()}
    # A bundle of type Dashboard leaves charts and datasets alone that are there already.
    metadata = yaml.safe_load(read["metadata.yaml"]) | {"type": "assets"}
    return read | {"metadata.yaml": yaml.safe_dump(metadata)}


def main(packed: Path, password: Path) -> None:
    with create_app().app_context():
        from superset import security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.utils.core import override_user

        user = security_manager.find_user(USER)
        if user is None:
            role = security_manager.find_role("Admin")
            word = password.read_text("ascii").strip()
            user = security_manager.add_user(USER, "Admin", "", "admin@localhost", role, word)
        with override_user(user):
            ImportAssetsCommand(contents(packed)).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
