"""Pairs of failed calls from inside clusters, to be read one by one: are they one problem?

    .venv/bin/python benchmarks/cluster_pairs.py --data-root DATA --pairs 200 --seed 1

A pair is a failed call, drawn evenly from those whose cluster holds another one, and another of its
cluster; where the cluster has results that say something else, one of these is taken, for equal
texts are no test. Prints the command's and the results' telling parts without secrets, and first
how many of all failures the 100 largest clusters hold. It prints text of transcripts: it is for
the eyes of those who may read them.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from waste_assets.clusters.families import command_of
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import FAILURE_CLUSTERS, TOOL_CALLS
from waste_assets.redaction import redact

_SHOWN = 220


def calls(lake: Lake) -> list[dict[str, Any]]:
    """The clustered calls with their inputs and results, in order."""
    days = lake.days(FAILURE_CLUSTERS)
    columns = ("tool_use_id", "response_id", "input_text", "result_text", "result_tail")
    texts = {
        (row["tool_use_id"], row["response_id"], row["day"]): row
        for row in lake.read(TOOL_CALLS, days, columns).to_pylist()
    }
    return [
        {**texts[row["tool_use_id"], row["response_id"], row["day"]], **row}
        for row in lake.read(FAILURE_CLUSTERS, days).to_pylist()
    ]


def main() -> None:
    """Print the sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = calls(Lake(given.data_root / "lake"))
    clusters: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        clusters[one["cluster_id"]].append(one)
    sizes = sorted(map(len, clusters.values()), reverse=True)
    share = sum(sizes[:100]) / max(sum(sizes), 1)
    print(
        f"{len(found):,} failures in {len(clusters):,} clusters; the 100 largest hold {share:.1%}; "
        f"{sum(size == 1 for size in sizes):,} occurred once\n"
    )
    rng = random.Random(given.seed)
    drawn = [one for one in found if len(clusters[one["cluster_id"]]) > 1]
    for number in range(1, given.pairs + 1):
        one = rng.choice(drawn)
        others = [other for other in clusters[one["cluster_id"]] if other is not one]
        unlike = [other for other in others if other["result_text"] != one["result_text"]]
        other = rng.choice(unlike or others)
        print(f"{number}. {one['title']} [{one['cluster_id']}, {len(others) + 1}]")
        for call in (one, other):
            command = redact(command_of(call["tool_name"], call["input_text"] or ""))
            print(f"   {call['tool_name']}: {_short(command)}")
            result = (call["result_text"] or "") + "\n" + (call["result_tail"] or "")
            print(f"      {_short(redact(result))}")
            print(f"      -> {call['template'][:160]}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= _SHOWN:
        return text
    return f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"


if __name__ == "__main__":
    main()
