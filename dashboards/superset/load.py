"""Make Superset's own database, and put the dashboard and who may see it there.

    python dashboards/superset/load.py ZIP PASSWORD_FILE

Runs in Superset's environment, as often as one likes: what an earlier run put there is replaced;
charts and dashboards that people made stay.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import yaml
from flask_migrate import upgrade
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
        # Only within an application.
        from superset import appbuilder, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.utils.core import override_user

        upgrade()
        user = security_manager.find_user(USER)
        if user is None:
            appbuilder.add_permissions(update_perms=True)
            security_manager.sync_role_definitions()
            role = security_manager.find_role("Admin")
            word = password.read_text("ascii").strip()
            user = security_manager.add_user(USER, "Admin", "", "admin@localhost", role, word)
        with override_user(user):
            ImportAssetsCommand(contents(packed)).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
