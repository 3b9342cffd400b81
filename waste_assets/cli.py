"""`waste-assets`: a face on the assets, with no logic of its own.

Nothing heavy is imported before a command needs it: worker processes import this module too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from waste_assets.faults import Fault

EXIT_CHECKS_FAILED, EXIT_USAGE, EXIT_BUDGET = 1, 2, 3
_SOURCES = "WASTE_ASSETS_SOURCES"

_data_root = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    envvar="WASTE_ASSETS_DATA",
    default=Path("data"),
    show_default=True,
    help="Where everything is kept.",
)
_time_zone = click.option(
    "--time-zone",
    envvar="WASTE_ASSETS_TIMEZONE",
    default="UTC",
    show_default=True,
    help="Zone whose calendar days are counted.",
)
_max_usd = click.option(
    "--max-usd",
    type=click.FloatRange(min=0, max=1_000_000),
    help="What labels may cost, USD; without a budget none is asked for.",
)


class _Fault(click.ClickException):
    exit_code = EXIT_USAGE


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waste-assets")
def commands() -> None:
    """Find the tokens of Claude Code that buy nothing."""


@commands.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_data_root
@_time_zone
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day to build.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day to build.")
@_max_usd
@click.option("--no-labels", is_flag=True, help="Send nothing to the model that judges.")
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What people have judged; labels.jsonl of the data root if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the account as one JSON object.")
@click.option("--quiet", is_flag=True, help="Print nothing but alerts, warnings and errors.")
def audit(
    paths: tuple[Path, ...],
    data_root: Path,
    time_zone: str,
    since: datetime | None,
    until: datetime | None,
    max_usd: float | None,
    no_labels: bool,
    labels_file: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Archive transcripts, account for every token, and print the account.

    PATHS are directories with transcripts; without any, Claude Code's own directories are taken,
    and where there are none, a sample is generated.
    """
    with _faults():
        settings = _settings(paths, data_root, time_zone)
        settings = _with_budget(settings, 0.0 if no_labels else max_usd)
        if labels_file is not None:
            settings = replace(settings, labels_file=labels_file.absolute())
        started = time.perf_counter()
        from waste_assets.audit import run_audit

        importing = time.perf_counter() - started
        with _progress():
            outcome = run_audit(settings, _day(since), _day(until))
    startup = outcome.told["startup"]
    startup["import_seconds"] = round(startup["import_seconds"] + importing, 3)
    if as_json:
        click.echo(json.dumps(outcome.told, default=str))
    elif "totals" in outcome.told:
        from waste_assets.report.terminal import print_account, warnings

        if quiet:
            for line in warnings(outcome.told):
                click.echo(line)
        else:
            print_account(outcome.told, _console())
    for error in outcome.told["errors"]:
        click.echo(f"Error: {error}", err=True)
    for sentence in outcome.told["labelling"].get("faults", ()):
        click.echo(f"Labels: {sentence}", err=True)
    if not outcome.succeeded:
        sys.exit(EXIT_CHECKS_FAILED)
    if outcome.told["labelling"].get("stopped_for_money"):
        sys.exit(EXIT_BUDGET)


@commands.command()
@_data_root
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON object.")
def usage(data_root: Path, as_json: bool) -> None:
    """Print tokens and list price by day, project and model, as the last audit published them."""
    with _faults():
        bi = data_root.absolute() / "bi"
        if not (bi / "waste.duckdb").exists():
            raise _Fault(f"Nothing is published in {data_root}: run `waste-assets audit` first.")
        from waste_assets.report.account import account
        from waste_assets.report.terminal import print_usage

        told = account(bi)
    if as_json:
        names = ("totals", "by_day", "by_project", "by_model", "reconciliation")
        click.echo(json.dumps({name: told[name] for name in names}))
    else:
        print_usage(told, _console())


def _console() -> Any:
    """Standard output: as wide as the terminal is, and where there is none, without colours."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


@commands.command()
@click.argument("gold", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_data_root
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Recorded answers to score instead of those in the state database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def evaluate(gold: Path, data_root: Path, answers: Path | None, as_json: bool) -> None:
    """Score the detectors against annotated calls, or labels against known ones.

    GOLD is a file of annotated tool calls or of known labels, one JSON object a line. Their
    transcripts must have been audited into the data root. The detectors run as they are now,
    labels are scored from kept answers; nothing is asked, and nothing is written.
    """
    with _faults():
        from waste_assets.labels.evaluate import is_label_gold

        if is_label_gold(gold):
            click.echo(_label_scores(gold, data_root.absolute(), answers, as_json))
            return
        from waste_assets.detectors.evaluate import read_gold, render
        from waste_assets.detectors.flag import Settings as DetectorSettings
        from waste_assets.detectors.score import score
        from waste_assets.lake.lake import Lake
        from waste_assets.settings import Settings

        given = Settings.from_environment()
        settings = DetectorSettings(given.prefix_budget, given.result_cap)
        found = score(Lake(data_root.absolute() / "lake"), read_gold(gold), settings)
        if found.items and len(found.missing) == found.items:
            raise _Fault(
                f"None of the annotated calls lies in {data_root}: run `waste-assets audit` on "
                "their transcripts first."
            )
    click.echo(json.dumps(asdict(found), default=str) if as_json else render(found))


def _label_scores(gold: Path, data_root: Path, recorded: Path | None, as_json: bool) -> str:
    from waste_assets.labels import evaluate as scoring
    from waste_assets.labels.recorded import RecordedAnswers
    from waste_assets.labels.store import LabelStore
    from waste_assets.lake.lake import Lake
    from waste_assets.lake.state import State

    known = scoring.read_known(gold)
    state = State(data_root)
    try:
        answers = RecordedAnswers.read(recorded) if recorded else LabelStore(state)
        found = scoring.evaluate_labels(Lake(data_root / "lake"), known, answers)
    finally:
        state.close()
    if known and not found.items:
        raise _Fault(
            f"None of the known labels is of a subject in {data_root}: run `waste-assets audit` on "
            "their transcripts first."
        )
    return json.dumps(scoring.as_json(found)) if as_json else scoring.render(found)


@commands.command()
@_data_root
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON list.")
def detectors(data_root: Path, as_json: bool) -> None:
    """Print how often each detector's rules fired, and what they found."""
    with _faults():
        from waste_assets.detectors.fired import fired, render

        rows = fired(data_root.absolute())
    click.echo(json.dumps(rows) if as_json else render(rows))


@commands.group(invoke_without_command=True)
@_data_root
@click.option("--limit", default=10, show_default=True, help="How many to print.")
@click.option("--json", "as_json", is_flag=True, help="Print all of them as one JSON object.")
@click.pass_context
def remedies(context: click.Context, data_root: Path, limit: int, as_json: bool) -> None:
    """Print what to change, ready to copy, by the dollars that it addresses."""
    context.obj = data_root
    if context.invoked_subcommand is not None:
        return
    with _faults():
        from waste_assets.report.remedies import read_remedies, render

        told = read_remedies(data_root.absolute() / "bi")
    click.echo(json.dumps(told, default=str) if as_json else render(told, limit))


@remedies.command()
@click.argument("remedy_id", metavar="ID")
@click.option("--data-root", type=click.Path(path_type=Path), help="As of `waste-assets remedies`.")
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Since which day; today if not given."
)
@click.option("--project", help="Only in this project, as the account shows it.")
@click.option("--withdrawn", is_flag=True, help="It was taken back on that day.")
@click.pass_obj
def applied(
    given: Path,
    remedy_id: str,
    data_root: Path | None,
    day: datetime | None,
    project: str | None,
    withdrawn: bool,
) -> None:
    """Note that remedy ID was applied: the sessions after it are held against those before."""
    with _faults():
        from waste_assets.report.remedies import note_applied

        on = _day(day) or datetime.now().astimezone().date()
        root = (data_root or given).absolute()
        note_applied(root, remedy_id, on, project, withdrawn=withdrawn)
    what = "withdrawn" if withdrawn else "applied"
    where = f" in {project}" if project else ""
    click.echo(f"{remedy_id} counts as {what}{where} on {on}: the next audit will tell.")


@commands.command()
@_data_root
@_time_zone
@click.option("--session", help="Print one session: its id, or the beginning of it.")
@click.option("--html", is_flag=True, help="With --session: make its page, and open that.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@click.option("--no-open", is_flag=True, help="Print where the page is, and open nothing.")
def report(
    data_root: Path,
    time_zone: str,
    session: str | None,
    html: bool,
    as_json: bool,
    no_open: bool,
) -> None:
    """Open the report of the last audit, or print one session."""
    with _faults():
        if html and (as_json or session is None):
            raise _Fault("--html makes the page of one session: give --session, and no --json.")
        from waste_assets.report import asked

        root = asked.published(data_root.absolute(), time_zone)
        if session is not None and not html:
            asked.print_one(root, session, as_json)
        elif as_json:
            click.echo(json.dumps(asked.everything(root), default=str))
        else:
            page = asked.index(root) if session is None else asked.page(root, session)
            click.echo(str(page))
            # Into a file or a pipe goes the path alone.
            if not no_open and sys.stdout.isatty():
                click.launch(page.as_uri())


@commands.group(invoke_without_command=True)
@_data_root
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and what it would cost.")
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
@click.pass_context
def labels(context: click.Context, data_root: Path, dry_run: bool, as_json: bool) -> None:
    """Have Claude Haiku judge what rules cannot, within a budget."""
    if context.invoked_subcommand is not None:
        return
    if not dry_run:
        click.echo(context.get_help())
        return
    with _faults():
        from waste_assets import labelling
        from waste_assets.labels.preview import lines

        settings = _label_settings(data_root)
        seen = labelling.dry_run(settings)
    if as_json:
        click.echo(json.dumps(vars(seen)))
        return
    for line in lines(seen, settings.labels.judge, settings.labels.base_url):
        click.echo(line)


@labels.command()
@_data_root
@_max_usd
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one JSON object.")
def submit(data_root: Path, max_usd: float | None, as_json: bool) -> None:
    """Send what is to be judged; the answers are picked up later."""
    with _faults():
        from waste_assets import labelling
        from waste_assets.labels.told import asked_lines

        settings = _with_budget(_label_settings(data_root), max_usd)
        asked = labelling.submit(settings, labelling.new_run())
    if as_json:
        click.echo(json.dumps(asdict(asked)))
    else:
        for line in asked_lines(asked):
            click.echo(line)
    if asked.told is not None:
        click.echo(f"Labels: {asked.told}", err=True)
    if asked.stopped is not None:
        sys.exit(EXIT_BUDGET if asked.stopped_for_money else EXIT_CHECKS_FAILED)


@labels.command()
@_data_root
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one JSON object.")
def collect(data_root: Path, as_json: bool) -> None:
    """Pick up the answers that have come back."""
    with _faults():
        from waste_assets import labelling
        from waste_assets.labels.told import collected_lines

        collected = labelling.pick_up(_label_settings(data_root))
    if as_json:
        click.echo(json.dumps(vars(collected)))
    else:
        for line in collected_lines(collected):
            click.echo(line)
    for fault in collected.faults:
        click.echo(f"Labels: {fault}", err=True)
    if collected.faults:
        sys.exit(EXIT_CHECKS_FAILED)


@labels.command()
@_data_root
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON list.")
def spend(data_root: Path, as_json: bool) -> None:
    """Print what labels have cost, by month, task and model."""
    with _faults():
        from waste_assets import labelling
        from waste_assets.labels.told import spend_lines

        settings = _label_settings(data_root)
        rows = labelling.spend(settings)
        left = labelling.left_this_month(settings)
    if as_json:
        click.echo(json.dumps([{**group, **asdict(figures)} for group, figures in rows]))
        return
    for line in spend_lines(rows):
        click.echo(line)
    if left is not None:
        click.echo(f"The month's budget has ${left:.4f} left.")


@commands.command()
@click.argument("place")
@_data_root
def show(place: str, data_root: Path) -> None:
    """Print archived lines as they were: PLACE is SESSION, SESSION:LINE or a transcript's name."""
    with _faults():
        from waste_assets.lake.lake import Lake
        from waste_assets.transcripts.show import archived_lines

        for raw in archived_lines(Lake(data_root / "lake"), place):
            sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()


@commands.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--sessions", default=40, show_default=True, help="How many sessions.")
@click.option("--days", default=14, show_default=True, help="Over how many days.")
@click.option("--seed", default=7, show_default=True, help="Equal seeds, equal samples.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day; yesterday if not given."
)
@click.option("--odd", is_flag=True, help="Add one session for each odd shape of a transcript.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON object.")
def sample(
    directory: Path,
    sessions: int,
    days: int,
    seed: int,
    until: datetime | None,
    odd: bool,
    as_json: bool,
) -> None:
    """Write generated transcripts with planted waste, and their exact totals, into DIRECTORY."""
    with _faults():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise _Fault(f"{directory} is not empty: give a directory that does not exist yet.")
        truth = _write_sample(directory, sessions, days, seed, _day(until), odd)
    if as_json:
        told = {"transcripts": truth.transcripts, "lines": truth.lines, "directory": str(directory)}
        click.echo(json.dumps(told))
    else:
        click.echo(f"{truth.transcripts:,} transcripts with {truth.lines:,} lines in {directory}.")


@commands.command()
@_data_root
@_time_zone
@click.option("--port", default=3000, show_default=True, help="Port on this machine.")
@click.option(
    "--no-automation", is_flag=True, help="Leave the schedule and the sensor off until asked for."
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def ui(
    data_root: Path, time_zone: str, port: int, no_automation: bool, paths: tuple[Path, ...]
) -> None:
    """Start Dagster's UI, its schedule and its sensor, on this data root."""
    with _faults():
        settings = _settings(paths, data_root, time_zone)
        from waste_assets.audit import prepare_instance

        prepare_instance(settings)
    if no_automation:
        os.environ["WASTE_ASSETS_AUTOMATION"] = "off"
    program = str(Path(sys.executable).with_name("dagster"))
    arguments = ["dev", "-m", "waste_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    # A shell starts what runs in the background with interrupts ignored, and Dagster does on
    # SIGTERM what it does on an interrupt: without this it would never stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.execv(program, [program, *arguments])


@commands.command()
@click.argument("transcript", type=click.Path(path_type=Path))
@_data_root
@_time_zone
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def archive(transcript: Path, data_root: Path, time_zone: str, as_json: bool) -> None:
    """Archive one transcript now, with what lies beside it; the next audit accounts for it."""
    with _faults():
        from waste_assets.claude_code.session_end import archive_session

        done = archive_session(data_root.absolute(), time_zone, transcript)
    days = ", ".join(done["days"]) or "nothing new"
    click.echo(json.dumps(done) if as_json else f"{done['files']:,} files archived: {days}.")
    for path, reason in done["unreadable"]:
        click.echo(f"Error: {path}: {reason}", err=True)
    if done["unreadable"]:
        sys.exit(EXIT_CHECKS_FAILED)


@commands.command("hook-session-end", hidden=True)
@_data_root
@_time_zone
@click.option("--wait", is_flag=True, help="Archive before ending, not after it.")
def hook_session_end(data_root: Path, time_zone: str, wait: bool) -> None:
    """Archive the session of which Claude Code tells on standard input."""
    from waste_assets.claude_code.session_end import session_ended

    session_ended(sys.stdin.buffer.read(), data_root.absolute(), time_zone, wait=wait)


_settings_file = (
    click.option(
        "--settings",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Settings file; Claude Code's own if not given.",
    ),
    click.option("--project", is_flag=True, help="This project's .claude/settings.local.json."),
    click.option("--yes", is_flag=True, help="Write without asking."),
    click.option("--json", "as_json", is_flag=True, help="Print the change as one JSON object."),
)


def _of_a_settings_file(command: Any) -> Any:
    for option in reversed(_settings_file):
        command = option(command)
    return command


@commands.command("install-hook")
@_data_root
@_time_zone
@_of_a_settings_file
def install_hook(
    data_root: Path,
    time_zone: str,
    settings: Path | None,
    project: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Have Claude Code archive each transcript the moment its session ends.

    Shows what it would write into Claude Code's settings, and asks.
    """
    with _faults():
        from waste_assets.claude_code.hook import command_for, installed
        from waste_assets.transcripts.days import Calendar

        Calendar(time_zone)
        command = command_for(data_root.absolute(), time_zone)
        change = installed(_read_settings(settings, project), command)
        if change.file.value.get("disableAllHooks") is True:
            click.echo(f"disableAllHooks is set in {change.file.path}: no hook runs.", err=True)
        _change_settings(change, yes, as_json, "The hook is installed already.")


@commands.command("uninstall-hook")
@_of_a_settings_file
def uninstall_hook(settings: Path | None, project: bool, yes: bool, as_json: bool) -> None:
    """Take the hook out of Claude Code's settings again; the archive stays."""
    with _faults():
        from waste_assets.claude_code.hook import uninstalled

        change = uninstalled(_read_settings(settings, project))
        _change_settings(change, yes, as_json, "There is no hook to take out.")


def _read_settings(settings: Path | None, project: bool) -> Any:
    from waste_assets.claude_code.settings import own_settings, project_settings, read_settings

    if settings and project:
        raise _Fault("Give --settings or --project, not both.")
    own = own_settings(os.environ, Path.home())
    return read_settings(settings or (project_settings(Path.cwd()) if project else own))


def _change_settings(change: Any, yes: bool, as_json: bool, nothing: str) -> None:
    """Show the change, ask, and write it; as JSON it is only written where `--yes` says so."""
    from waste_assets.claude_code.settings import write_settings

    place, backup = change.file.path, None
    if not as_json:
        click.echo(change.diff if change.is_needed else f"{nothing} ({place})")
    write = change.is_needed and (yes or (not as_json and _agreed(place)))
    if write:
        backup = write_settings(change.file, change.text)
    if as_json:
        told = {
            "settings": str(place),
            "needed": change.is_needed,
            "written": write,
            "backup": backup and str(backup),
            "command": change.command,
            "diff": change.diff,
        }
        click.echo(json.dumps(told))
    elif write:
        click.echo(f"Written to {place}" + (f"; as it was: {backup}" if backup else ""))


def _agreed(place: Path) -> bool:
    try:
        return click.confirm(f"Write this to {place}?")
    except click.Abort as error:
        raise _Fault(
            "Nobody answered: nothing was written. --yes writes without asking."
        ) from error


@commands.command()
@click.argument("kind", type=click.Choice(["cron", "systemd", "launchd"]))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_data_root
@_time_zone
@click.option(
    "--write",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the files into this directory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the files as one JSON object.")
def nightly(
    kind: str,
    paths: tuple[Path, ...],
    data_root: Path,
    time_zone: str,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Print what has cron, systemd or launchd run an audit every night, without the UI."""
    with _faults():
        from waste_assets.nightly import nightly as files_of
        from waste_assets.settings import Settings
        from waste_assets.transcripts.days import Calendar

        Calendar(time_zone)
        sources = [path.absolute() for path in paths]
        # Neither variable is known to what starts in the night.
        if not paths and (os.environ.get("CLAUDE_CONFIG_DIR") or os.environ.get(_SOURCES)):
            sources = list(Settings.from_environment().sources)
        files = files_of(kind, data_root.absolute(), time_zone, sources)
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (directory / name).write_text(text)
    if as_json:
        click.echo(json.dumps(files))
    elif directory:
        click.echo(f"Written: {', '.join(str(directory / name) for name in files)}")
    else:
        # One is to be copied as it is; several have to be told apart.
        heads = {name: f"# {name}\n" if len(files) > 1 else "" for name in files}
        click.echo("\n".join(heads[name] + text for name, text in files.items()), nl=False)


@commands.group()
def clusters() -> None:
    """Why calls fail, counted as problems that last; who decided that two are one."""


_as_of = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="As it was known at the end of that day (UTC).",
)
_why = click.option("--why", required=True, help="Why; it is kept with the decision.")
_by = click.option("--by", help="Who decides; the user of this process by default.")


@clusters.command("list")
@_data_root
@_as_of
@click.option("--json", "as_json", is_flag=True, help="Print the clusters as one JSON list.")
def clusters_list(data_root: Path, as_of: datetime | None, as_json: bool) -> None:
    """Print the clusters, the most frequent first."""
    with _faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import listed, render

        found = listed(lake, state, _day(as_of))
    click.echo(
        json.dumps([asdict(one) for one in found], default=str) if as_json else render(found)
    )


@clusters.command("show")
@click.argument("cluster")
@_data_root
@_as_of
def clusters_show(cluster: str, data_root: Path, as_of: datetime | None) -> None:
    """Print the messages that CLUSTER holds, masked."""
    with _faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import parts, render_parts

        found = parts(lake, state, cluster, _day(as_of))
    click.echo(render_parts(found))


@clusters.command("proposals")
@_data_root
def clusters_proposals(data_root: Path) -> None:
    """Print pairs of clusters that may be one problem; nothing is applied."""
    with _faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import listed, proposals, render_proposals

        found = proposals(listed(lake, state))
    click.echo(render_proposals(found))


@clusters.command("merge")
@click.argument("cluster")
@click.argument("into")
@_data_root
@_why
@_by
def clusters_merge(cluster: str, into: str, data_root: Path, why: str, by: str | None) -> None:
    """Show CLUSTER as part of INTO from now on; the next audit publishes it."""
    with _faults(), _registered(data_root) as (lake, _, registry):
        from waste_assets.clusters.shown import pairs

        registry.merge(cluster, into, why, by or _user(), pairs(lake))
    _published_later(data_root, f"{cluster} is shown as part of {into} from now on.")


@clusters.command("split")
@click.argument("cluster")
@click.argument("parts", nargs=-1, required=True)
@_data_root
@_why
@_by
def clusters_split(
    cluster: str, parts: tuple[str, ...], data_root: Path, why: str, by: str | None
) -> None:
    """Show PARTS of CLUSTER, messages or merged clusters, as one of their own from now on."""
    with _faults(), _registered(data_root) as (lake, _, registry):
        from waste_assets.clusters.shown import pairs

        made = registry.split(cluster, parts, why, by or _user(), pairs(lake))
    _published_later(data_root, f"{', '.join(parts)} of {cluster} are {made.to_id} from now on.")


@clusters.command("history")
@_data_root
def clusters_history(data_root: Path) -> None:
    """Print who decided what, when and why, and what changes of rules could not carry over."""
    with _faults(), _registered(data_root) as (_, _, registry):
        from waste_assets.clusters.listing import render_history

        decided, migrations = registry.aliases(), registry.migrations()
    click.echo(render_history(decided))
    for migration in migrations:
        for lost in migration.lost:
            click.echo(
                f"{migration.at[:19]}  lost   {lost.cluster_id}: {lost.occurrences:,} calls, "
                f"{lost.overlap:.0%} of them now in {lost.mostly_in}"
            )


@contextmanager
def _registered(data_root: Path) -> Iterator[tuple[Any, Any, Any]]:
    """The lake, the state database and what was decided about clusters."""
    from waste_assets.clusters.registry import Registry
    from waste_assets.lake.lake import Lake
    from waste_assets.lake.state import State

    root = data_root.absolute()
    if not (root / "lake").exists():
        raise _Fault(f"There is nothing in {data_root}: run `waste-assets audit` first.")
    state = State(root)
    try:
        yield Lake(root / "lake"), state, Registry(state)
    finally:
        state.close()


def _published_later(data_root: Path, told: str) -> None:
    from waste_assets.unchanged import forget

    forget(data_root.absolute())
    click.echo(f"{told} `waste-assets audit` publishes it.")


def _user() -> str:
    from getpass import getuser

    return getuser()


def _settings(paths: tuple[Path, ...], data_root: Path, time_zone: str) -> Any:
    from waste_assets.settings import Settings
    from waste_assets.transcripts.days import Calendar

    Calendar(time_zone)
    found = Settings.from_environment()
    sources = tuple(path.absolute() for path in paths) or found.sources
    if not sources:
        sources = (_generated(data_root.absolute()),)
    return replace(found, data_root=data_root.absolute(), sources=sources, time_zone=time_zone)


def _label_settings(data_root: Path) -> Any:
    from waste_assets.settings import Settings

    return replace(Settings.from_environment(), data_root=data_root.absolute())


def _with_budget(settings: Any, max_usd: float | None) -> Any:
    if max_usd is None:
        return settings
    return replace(settings, labels=replace(settings.labels, max_usd=max_usd))


def _generated(data_root: Path) -> Path:
    """A sample below the data root, for people who have no transcripts here."""
    directory = data_root / "sample"
    if not directory.exists():
        click.echo("No transcripts of Claude Code here: using a generated sample.", err=True)
        _write_sample(directory, 40, 14, 7, None, odd=False)
    return directory


def _write_sample(
    directory: Path, sessions: int, days: int, seed: int, until: date | None, odd: bool
) -> Any:
    from datetime import UTC, timedelta

    from waste_assets.sample.generate import generate

    end = until or datetime.now(UTC).date() - timedelta(days=1)
    return generate(directory, sessions=sessions, days=days, end=end, seed=seed, odd=odd)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


@contextmanager
def _faults() -> Iterator[None]:
    """Say in one sentence what is wrong with the input."""
    try:
        yield
    except (Fault, ValueError) as error:
        raise _Fault(str(error)) from error
    except OSError as error:
        raise _Fault(f"{error.strerror}: {error.filename or 'the data root'}") from error


@contextmanager
def _progress() -> Iterator[None]:
    """Progress bars on standard error, where somebody looks at it."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from waste_assets.progress import watched

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def watch(label: str, done: float, total: float) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total or 1)
            bars.update(tasks[label], completed=done, total=total or 1)

        with watched(watch):
            yield


def main() -> None:
    """Run one command, and be gone."""
    try:
        commands()
    except SystemExit as ended:
        # What Dagster and its libraries have brought along takes seconds to take apart.
        if "dagster" in sys.modules and isinstance(ended.code, int | None):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code or 0)
        raise


if __name__ == "__main__":
    main()
