"""What the judge is asked about clusters, and what it called them.

A question is made of a cluster's first 1, 4, 16, ... failed calls, of the largest such number that
it has. So it stays the same from day to day, whatever is added, and a cluster is asked about again
when it has grown fourfold, or when other messages are in it since clusters were merged or split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.resources import files
from itertools import groupby
from typing import NamedTuple

import duckdb

from waste_assets.clusters.registry import Pair
from waste_assets.labels.labelling import Labelling
from waste_assets.labels.question import Question
from waste_assets.labels.recorded import is_answered
from waste_assets.labels.tasks.cluster_title import Message, question
from waste_assets.lake.cluster_names import Title
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import FAILURE_CLUSTERS
from waste_assets.redaction import redact

#: Clusters with so many calls are asked about, and the largest, however many calls they have.
_LEAST_CALLS, _MOST_CLUSTERS = 3, 100
#: How much a cluster has to grow to be asked about again.
_GROWTH = 4
#: Messages of a cluster that are shown, and what of an answer is published, in characters.
_MESSAGES, _TITLE, _SUMMARY = 3, 80, 300


def questions(
    lake: Lake, shown: Mapping[Pair, str], *, show_examples: bool = False
) -> dict[str, list[Question]]:
    """The questions about each cluster, the largest first; the first is the one to ask now.

    The others are those that were asked when the cluster was smaller. `shown` says under which
    cluster calls are shown, where it is another than their own.

    Raises:
        OSError, duckdb.Error: the lake cannot be read.
    """
    found: dict[str, list[Question]] = {}
    for cluster, calls in _clusters(lake, shown, show_examples):
        sizes = [1]
        while sizes[0] * _GROWTH <= len(calls):
            sizes.insert(0, sizes[0] * _GROWTH)
        asked = [_question(calls[:size]) for size in sizes]
        if told := [one for one in asked if one is not None]:
            found[cluster] = told
    return found


def titles(asked: Mapping[str, Sequence[Question]], labelling: Labelling) -> dict[str, Title]:
    """What clusters are called by the last answer that counts."""
    keys = {one: one.key(labelling.judge) for about in asked.values() for one in about}
    known = labelling.answers.answers(set(keys.values()))
    found: dict[str, Title] = {}
    for cluster, about in asked.items():
        for one in about:
            answer = known.get(keys[one])
            if (
                answer is None
                or not is_answered(answer)
                or answer.value is None
                or answer.is_synthetic != labelling.is_synthetic
            ):
                continue
            title, summary = (
                " ".join(redact(str(answer.value.get(name, ""))).split())[:most]
                for name, most in (("title", _TITLE), ("summary", _SUMMARY))
            )
            if title and summary:
                by = answer.model_asked + (" (made up)" if answer.is_synthetic else "")
                found[cluster] = Title(title, summary, by)
                break
    return found


class _Call(NamedTuple):
    """A failed call as titles.sql gives it."""

    cluster_id: str
    day: date
    session_id: str
    project: str | None
    tool_name: str
    cause: str
    template: str
    example: str | None
    example_rank: str


def _question(calls: Sequence[_Call]) -> Question | None:
    """The question about some calls; None where their results say nothing."""
    templates = _frequent(call.template for call in calls if call.template)[:_MESSAGES]
    if not templates:
        return None
    lowest: dict[str, _Call] = {}
    for call in sorted(calls, key=lambda call: call.example_rank):
        lowest.setdefault(call.template, call)
    return question(
        [
            Message(template, lowest[template].example, lowest[template].project)
            for template in templates
        ],
        calls=len(calls),
        sessions=len({call.session_id for call in calls}),
        tools=_frequent(call.tool_name for call in calls),
        cause=_frequent(call.cause for call in calls)[0],
        day=calls[-1].day,
    )


def _frequent(words: Iterator[str]) -> list[str]:
    """The words, the most frequent first."""
    return sorted((counted := Counter(words)), key=lambda word: (-counted[word], word))


def _clusters(
    lake: Lake, shown: Mapping[Pair, str], show_examples: bool
) -> Iterator[tuple[str, list[_Call]]]:
    parts = lake.parts(FAILURE_CLUSTERS)
    if not parts:
        return
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"}) as con:
        con.execute(
            "CREATE TABLE names (cluster_id VARCHAR, fingerprint_id VARCHAR, shown_id VARCHAR)"
        )
        if shown:
            rows = [(*pair, to) for pair, to in sorted(shown.items())]
            con.executemany("INSERT INTO names VALUES (?, ?, ?)", rows)
        con.execute(
            """
            CREATE TABLE failed AS
            SELECT f.* REPLACE (coalesce(n.shown_id, f.cluster_id) AS cluster_id)
            FROM read_parquet($parts, hive_partitioning = true, hive_types = {'day': DATE}) AS f
            LEFT JOIN names AS n USING (cluster_id, fingerprint_id)
            """,
            {"parts": parts},
        )
        found = con.execute(
            files("waste_assets.clusters").joinpath("titles.sql").read_text("utf-8"),
            {"private": show_examples, "least": _LEAST_CALLS, "most": _MOST_CLUSTERS},
        )
        calls = (_Call(*row) for row in iter(found.fetchone, None))
        for cluster, group in groupby(calls, key=lambda call: call.cluster_id):
            yield cluster, list(group)
