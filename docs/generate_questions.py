"""Write `docs/questions.md` from `waste_assets/questions`, with the answers of a data root.

`docs/generate_questions.py data/demo-account`: the data root is the one of the README. With
`--check` it writes nothing and fails where the page is stale.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from waste_assets.questions.ask import Question, answer, questions, render

PAGE = Path(__file__).with_name("questions.md")
#: The day of the question that compares with before.
_SINCE = date(2026, 10, 27)
_HEAD = """# Questions

What people ask of the BI tables, ready to copy. `waste-assets questions` lists them,
`waste-assets questions NAME` answers one (`--json` for programs), and
`waste-assets questions NAME --sql` prints the SQL, for any tool that reads `bi/waste.duckdb`
([BI tools](bi.md)). Money is USD at the API's list price of the day, also for people with a
subscription. Columns are explained in the [data dictionary](data-dictionary.md).

The answers here are those of the generated sample:

```
.venv/bin/waste-assets sample data/demo --until 2026-10-31
.venv/bin/waste-assets audit data/demo --data-root data/demo-account
```
"""


def page(answers: dict[str, str]) -> str:
    """The text of the page, with what each question's command prints."""
    return _HEAD + "".join(_section(one, answers[one.name]) for one in questions())


def _section(one: Question, told: str) -> str:
    lines = one.sql.splitlines()
    said = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    sql = "\n".join(line for line in lines if not line.startswith("--"))
    options = f" --from {_SINCE}" if one.name == "since" else ""
    return f"""
## {one.text}

{chr(10).join(said[2:])}

```
.venv/bin/waste-assets questions {one.name}{options} --data-root data/demo-account
```

```
{told}
```

```sql
{sql}
```
"""


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data_root", type=Path, help="that of the README's commands")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    given = parser.parse_args()
    text = page({one.name: _told(given.data_root / "bi", one) for one in questions()})
    if not given.check:
        PAGE.write_text(text, "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != text:
        print(f"{PAGE.name} is stale: run {Path(__file__).name}.", file=sys.stderr)
        return 1
    return 0


def _told(bi: Path, asked: Question) -> str:
    """What the command of the page prints."""
    since = _SINCE if asked.name == "since" else None
    return f"{asked.text}\n\n{render(answer(bi, asked, since))}"


if __name__ == "__main__":
    sys.exit(main())
