"""Write `docs/data-dictionary.md` from the definitions of the tables.

`make docs` runs it; with `--check` it writes nothing and fails where the page is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow as pa

from waste_assets.lake import tables as lake
from waste_assets.mart.tables import MART_TABLES

PAGE = Path(__file__).with_name("data-dictionary.md")
_LAKE_TABLES = [value for value in vars(lake).values() if isinstance(value, lake.Table)]
_HEAD = f"""# Data dictionary

Made by `make docs` from `waste_assets/lake/tables.py` and `waste_assets/mart/tables.py`. Change
those, not this page. Schema version {lake.SCHEMA_VERSION}.

Money is USD at the API's list price of the day, also for people with a subscription. Times are
UTC. "Required" columns are never NULL.
"""
_MART = """## The BI tables

In `bi/waste.duckdb`, and each as `bi/<table>.parquet`. They are a public interface: columns are
added, never changed or taken away.
"""
_LAKE = """## The lake

One Parquet file a day: `lake/<table>/day=YYYY-MM-DD/part.parquet`. The day is the directory's
name; DuckDB gives it as a column with `hive_partitioning = true`. These tables are the project's
own working: they may change with the schema version.
"""


def page() -> str:
    """The text of the page."""
    mart = "\n".join(_section(table) for table in MART_TABLES)
    rest = "\n".join(_section(table, " within a day") for table in _LAKE_TABLES)
    return f"{_HEAD}\n{_contents()}\n{_MART}\n{mart}\n{_LAKE}\n{rest}"


def _contents() -> str:
    rows = [
        f"| [{table.name}](#{table.name}) | {place} | {_cell(table.description)} |\n"
        for place, tables in (("BI", MART_TABLES), ("lake", _LAKE_TABLES))
        for table in tables
    ]
    return "| table | where | a row |\n|---|---|---|\n" + "".join(rows)


def _section(table: lake.Table, within: str = "") -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    rows = "".join(
        f"| `{column.name}` | {_type(column.type)} | {column.unit or ''} "
        f"| {'' if column.nullable else 'yes'} | {_cell(column.description)} |\n"
        for column in table.columns
    )
    return (
        f"### {table.name}\n\n{table.description} Key{within}: {key}.\n\n"
        f"| column | type | unit | required | meaning |\n|---|---|---|---|---|\n{rows}"
    )


def _type(type_: pa.DataType) -> str:
    if pa.types.is_timestamp(type_):
        return "timestamp"
    names = {
        "string": "text",
        "large_binary": "bytes",
        "double": "float64",
        "bool": "boolean",
        "list<item: string>": "list of text",
    }
    return names.get(str(type_), str(type_)).replace("date32[day]", "date")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    given = parser.parse_args()
    if given.check:
        stale = not PAGE.exists() or PAGE.read_text("utf-8") != page()
        if stale:
            print(f"{PAGE.name} is stale: run `make docs`.", file=sys.stderr)
        return int(stale)
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
