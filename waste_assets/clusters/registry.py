"""What people and migrations have decided about clusters: rows that are only ever added.

A failed call's own cluster is a function of its text and is never rewritten. Which cluster it is
shown under is told by replaying these rows up to a moment: so that every day can be reported as
it was known then.

- `carry`: rules have changed, and what is now `from_id` was known as `to_id`. The old name stays,
  at all moments.
- `merge`: from now on `from_id` is shown as part of `to_id`.
- `split`: from now on the `members` of `from_id` (fingerprints, or clusters that were merged into
  it) are shown as `to_id`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa

from waste_assets.clusters.fingerprint import digest
from waste_assets.faults import Fault
from waste_assets.lake.state import State

_metadata = sa.MetaData()
_aliases = sa.Table(
    "cluster_aliases",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("from_id", sa.Text, nullable=False),
    sa.Column("to_id", sa.Text, nullable=False),
    sa.Column("members", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("model", sa.Text),
    sa.Column("prompt_version", sa.Text),
    sa.CheckConstraint("kind IN ('carry', 'merge', 'split')"),
    sa.CheckConstraint("from_id <> to_id"),
)
_migrations = sa.Table(
    "cluster_migrations",
    _metadata,
    sa.Column("to_rules", sa.Text, primary_key=True),
    sa.Column("from_rules", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("lost", sa.Text, nullable=False),
)
#: SQLite refuses what this project never does: rows are for ever.
_FOR_EVER = (
    "CREATE TRIGGER IF NOT EXISTS {table}_no_{action} BEFORE {action} ON {table} "
    "BEGIN SELECT RAISE(ABORT, '{table} is only ever added to'); END"
)


class ClusterFault(Fault):
    """A merge or a split that cannot be."""


@dataclass(frozen=True)
class Alias:
    """One row."""

    kind: str
    from_id: str
    to_id: str
    members: tuple[str, ...]
    decided_by: str
    at: str
    why: str
    model: str | None = None
    prompt_version: str | None = None


@dataclass(frozen=True)
class Lost:
    """A cluster whose id could not be carried over a change of rules, and where most of it went."""

    cluster_id: str
    occurrences: int
    mostly_in: str
    overlap: float


@dataclass(frozen=True)
class Migration:
    """What a change of rules did."""

    from_rules: str
    to_rules: str
    at: str
    lost: tuple[Lost, ...]


#: A cluster and a fingerprint: what the rows move as one.
Pair = tuple[str, str]


class Registry:
    """The rows, in the state database."""

    def __init__(self, state: State) -> None:
        state.create(_metadata)
        self._engine = state.engine
        if state.is_sqlite:
            with self._engine.begin() as connection:
                for table in _metadata.sorted_tables:
                    for action in ("update", "delete"):
                        connection.execute(
                            sa.text(_FOR_EVER.format(table=table.name, action=action))
                        )

    def aliases(self, as_of: date | None = None) -> list[Alias]:
        """The rows in order; up to the end of a day (UTC), or all. Carries are of all times."""
        query = sa.select(_aliases).order_by(_aliases.c.number)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        end = _end_of(as_of) if as_of else None
        return [
            Alias(
                row["kind"],
                row["from_id"],
                row["to_id"],
                tuple(json.loads(row["members"])),
                row["decided_by"],
                row["at"],
                row["why"],
                row["model"],
                row["prompt_version"],
            )
            for row in rows
            if end is None or row["kind"] == "carry" or row["at"] < end
        ]

    def migrations(self) -> list[Migration]:
        """The changes of rules, in order."""
        query = sa.select(_migrations).order_by(_migrations.c.at, _migrations.c.to_rules)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Migration(
                row["from_rules"],
                row["to_rules"],
                row["at"],
                tuple(Lost(**lost) for lost in json.loads(row["lost"])),
            )
            for row in rows
        ]

    def merge(
        self,
        from_id: str,
        to_id: str,
        why: str,
        by: str,
        pairs: Sequence[Pair],
        *,
        model: str | None = None,
        prompt_version: str | None = None,
    ) -> Alias:
        """Show a cluster as part of another from now on.

        `pairs` are all that occur. `model` and `prompt_version` say who proposed it, where it was
        a model.

        Raises:
            ClusterFault: one of them is not shown now, e.g. because it was merged before.
        """
        with self._engine.begin() as connection:
            self._hold(connection)
            shown = resolve(self._read(connection), pairs)
            known = set(shown.values())
            for one in (from_id, to_id):
                self._must_be_shown(one, known, shown)
            if from_id == to_id:
                raise ClusterFault(f"{from_id} is one cluster: name another to merge it into.")
            return self._add(
                connection,
                Alias("merge", from_id, to_id, (), by, _now(), why, model, prompt_version),
            )

    def split(
        self, from_id: str, members: Iterable[str], why: str, by: str, pairs: Sequence[Pair]
    ) -> Alias:
        """Show some fingerprints or merged clusters of a cluster as one of their own from now on.

        Raises:
            ClusterFault: the cluster is not shown now, holds none of a member, or nothing else.
        """
        wanted = tuple(sorted(set(members)))
        with self._engine.begin() as connection:
            self._hold(connection)
            shown = resolve(self._read(connection), pairs)
            self._must_be_shown(from_id, set(shown.values()), shown)
            held = [pair for pair, public in shown.items() if public == from_id]
            for member in wanted:
                if not any(member in pair for pair in held):
                    raise ClusterFault(
                        f"{member} is no part of {from_id}: `waste-assets clusters show {from_id}` "
                        "lists its parts."
                    )
            moved = [pair for pair in held if not set(wanted).isdisjoint(pair)]
            if len(moved) == len(held):
                raise ClusterFault(f"That is all of {from_id}: leave something in it.")
            # A whole cluster that was merged gets its own name back.
            own = {cluster for cluster, _ in moved}
            whole = len(own) == 1 and not any(c in own for c, _ in set(held) - set(moved))
            named = own.pop() if whole else ""
            if not whole or named == from_id or named in set(shown.values()):
                named = f"s1-{digest(chr(0).join((from_id, *wanted)))}"
            if named in set(shown.values()):
                raise ClusterFault(f"{named} holds a part like this already.")
            return self._add(connection, Alias("split", from_id, named, wanted, by, _now(), why))

    def carry(
        self,
        from_rules: str,
        to_rules: str,
        carried: Iterable[tuple[str, str]],
        lost: Sequence[Lost],
    ) -> bool:
        """Record a change of rules, once: `carried` are (new id, id it was known by).

        False where another process has done it.
        """
        now = _now()
        row = {
            "to_rules": to_rules,
            "from_rules": from_rules,
            "at": now,
            "lost": json.dumps([vars(one) for one in lost]),
        }
        why = f"rules {from_rules} became {to_rules}"
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_migrations), row)
                for new, old in carried:
                    self._add(connection, Alias("carry", new, old, (), "migration", now, why))
        except sa.exc.IntegrityError:
            return False
        return True

    def _hold(self, connection: sa.Connection) -> None:
        """Let nobody else decide meanwhile."""
        if self._engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.text("LOCK TABLE cluster_aliases IN EXCLUSIVE MODE"))

    def _read(self, connection: sa.Connection) -> list[Alias]:
        query = sa.select(_aliases).order_by(_aliases.c.number)
        return [
            Alias(row.kind, row.from_id, row.to_id, tuple(json.loads(row.members)), "", row.at, "")
            for row in connection.execute(query)
        ]

    def _add(self, connection: sa.Connection, alias: Alias) -> Alias:
        row = {**vars(alias), "members": json.dumps(alias.members)}
        connection.execute(sa.insert(_aliases), row)
        return alias

    def _must_be_shown(self, one: str, known: set[str], shown: dict[Pair, str]) -> None:
        if one in known:
            return
        inside = sorted({public for (cluster, _), public in shown.items() if cluster == one})
        if inside:
            raise ClusterFault(f"{one} is part of {', '.join(inside)} already: name that instead.")
        raise ClusterFault(
            f"There is no cluster {one} here: `waste-assets clusters list` shows them."
        )


def resolve(aliases: Sequence[Alias], pairs: Iterable[Pair]) -> dict[Pair, str]:
    """Under which cluster each pair is shown, after these rows; time is linear in what moves."""
    carried = {alias.from_id: alias.to_id for alias in aliases if alias.kind == "carry"}
    public: dict[Pair, str] = {}
    held: dict[str, set[Pair]] = defaultdict(set)
    for pair in pairs:
        public[pair] = _followed(pair[0], carried)
        held[public[pair]].add(pair)
    for alias in aliases:
        if alias.kind == "carry":
            continue
        moved = set(held[alias.from_id])
        if alias.kind == "split":
            members = set(alias.members)
            moved = {
                pair
                for pair in moved
                if not members.isdisjoint((*pair, *(_followed(one, carried) for one in pair)))
            }
        held[alias.from_id] -= moved
        held[alias.to_id] |= moved
        public.update(dict.fromkeys(moved, alias.to_id))
    return public


def _followed(one: str, carried: dict[str, str]) -> str:
    seen = {one}
    while (older := carried.get(one)) is not None and older not in seen:
        seen.add(older)
        one = older
    return one


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _end_of(day: date) -> str:
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    return end.isoformat(timespec="microseconds")
