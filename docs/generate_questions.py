"""Write `docs/questions.md` from `waste_assets/questions`, with the answers of a data root.

    .venv/bin/python docs/generate_questions.py data/demo-account

The data root is the one of the README. A test compares the page with files and answers.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from waste_assets.questions.ask import Question, answer, questions, render

PAGE = Path(__file__).with_name("questions.md")
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
    options = " --from 2026-10-27" if one.name == "since" else ""
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
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    bi = Path(sys.argv[1]) / "bi"
    since = date(2026, 10, 27)
    answers = {
        one.name: f"{one.text}\n\n{render(answer(bi, one, since if one.name == 'since' else None))}"
        for one in questions()
    }
    PAGE.write_text(page(answers), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
