"""What a worker's process may do, and what the definitions are where workers share a backfill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dagster_celery", reason="install waste-assets with its extra `team`")

#: Celery's processes are daemons, and Python lets these have no children.
_POOL = """
import os
import sys
import billiard
from waste_assets.processes import Processes

def work():
    from waste_assets.team.worker import may_have_children
    may_have_children()
    with Processes(2) as processes:
        return processes.each(abs, [-1, -2], [64 << 20, 64 << 20])

if __name__ == "__main__":
    pool = billiard.Pool(1)
    print(pool.apply(work))
    # A pool that is left open can keep a program from its end.
    pool.close()
    pool.join()
"""
_DEFINED = """
import json
from waste_assets.definitions import defs
graph = defs.get_repository_def().asset_graph
told = {}
for key in graph.materializable_asset_keys:
    node = graph.get(key)
    limit = node.backfill_policy.max_partitions_per_run if node.backfill_policy else None
    parents = sorted(one.to_user_string() for one in node.parent_keys)
    told[key.to_user_string()] = [limit, sorted(node.pools), parents]
print(json.dumps(told))
"""


def _printed(tmp_path: Path, code: str, **variables: str) -> str:
    program = tmp_path / "program.py"
    program.write_text(code)
    known = {k: v for k, v in os.environ.items() if not k.startswith(("WASTE_ASSETS", "DAGSTER"))}
    environment = {**known, "WASTE_ASSETS_DATA": str(tmp_path / "data"), **variables}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_run_may_use_processes_in_a_worker(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    deployed = Path(__file__).parents[2] / "deploy" / "dagster.yaml"
    (home / "dagster.yaml").write_text(deployed.read_text())
    told = _printed(
        tmp_path, _POOL, DAGSTER_HOME=str(home), WASTE_ASSETS_BROKER="memory://",
        WASTE_ASSETS_DAGSTER_DB="postgresql+psycopg2://nobody@127.0.0.1:1/none",
    )  # fmt: skip
    assert told == "[1, 2]"


def test_where_workers_share_a_backfill_stages_wait_behind_gates(tmp_path: Path) -> None:
    told: dict[str, list[Any]] = json.loads(
        _printed(tmp_path, _DEFINED, WASTE_ASSETS_DAYS_A_RUN="7", WASTE_ASSETS_LABEL_MAX_USD="5")
    )
    for name, gate in (
        ("parsed_turns", "archive_complete"),
        ("token_ledger", "turns_complete"),
        ("haiku_labels", "flags_complete"),
    ):
        limit, _, parents = told[name]
        assert limit == 7 and gate in parents
    assert told["raw_sessions"][0] == 7
    assert told["haiku_labels"][1] == ["labels"]
    assert told["waste_mart"][1] == told["audit_report"][1] == ["publish"]
    # Nothing else waits for one that does the same.
    assert {name for name, (_, pools, _) in told.items() if pools} == {
        "haiku_labels", "judged_flags", "judged_ledger", "waste_mart", "audit_report",
    }  # fmt: skip
