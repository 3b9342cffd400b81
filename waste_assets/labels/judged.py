"""The labels stage: who says what about the subjects of some days, and what that changes.

A judgement about a flag changes who owns tokens that other flags claim, too: so the sessions in
which one has decided something are settled anew, from the same turns by the same rules. What
the rules say alone stays as it is in `token_ledger`; `judged_ledger` has the same rows with the
judgements, for these sessions only.

A day's rows depend on the turns and flags of all days of its sessions, and on the answers to the
questions about them, on nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from waste_assets.accounting.conversation import Session
from waste_assets.accounting.ledger import settle
from waste_assets.accounting.sessions import sessions
from waste_assets.detectors import flags as flags_stage
from waste_assets.detectors.flag import Flag, Settings, Tier
from waste_assets.detectors.flags import Active, Rows, add_flags, add_shares, flag_id
from waste_assets.detectors.registry import detect
from waste_assets.labels.answer import Answer
from waste_assets.labels.labelling import Bench, Labelling
from waste_assets.labels.recorded import Answers, digest, is_answered
from waste_assets.labels.registry import tasks
from waste_assets.labels.subjects import DEAD_END, Subject, Subjects, subjects_of
from waste_assets.labels.tasks.dead_end import CONFIRMS
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    HAIKU_LABELS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    LABEL_TABLES,
    TOKEN_LEDGER,
    Table,
)
from waste_assets.processes import Processes
from waste_assets.redaction import redact

_INPUTS, _KEYS, _ANSWERS, _VERSION = (
    "waste.inputs",
    "waste.keys",
    "waste.answers",
    "waste.version",
)
#: Responses of days that are gathered together, and how many such batches are asked together.
_RESPONSES, _BATCHES = 12_000, 8
#: Transcript that takes as long to read as what there is to ask about a response.
_BYTES_PER_RESPONSE = 8_000
_WORDS = 300


def stale_days(lake: Lake, active: Active, labelling: Labelling) -> set[date]:
    """Days whose labels were not made from the flags as they are, or from other answers."""
    related = active.related(active.versions)
    bench, answers = labelling.bench, labelling.answers
    version = answers.version()
    stale = set()
    for day in active.versions:
        notes = lake.notes(HAIKU_LABELS, day)
        is_same = notes.get(_INPUTS) == _inputs(lake, active, day, related[day], bench)
        # Where something was answered, its own questions say whether it concerns this day.
        if not is_same or (notes[_VERSION] != version and not _is_as_answered(notes, answers)):
            stale.add(day)
    return stale


def _is_as_answered(notes: Mapping[str, str], answers: Answers) -> bool:
    # Without its questions nobody can tell.
    if _KEYS not in notes:
        return False
    return digest(answers.answers(json.loads(notes[_KEYS]))) == notes[_ANSWERS]


def gathered(
    lake: Lake,
    days: Iterable[date],
    settings: Settings,
    audit_per_stratum: int,
    processes: Processes | None = None,
    *,
    with_questions: bool = True,
) -> Iterator[list[Subjects]]:
    """What is to be judged of `days`, in portions whose questions are asked together.

    Raises:
        OSError, duckdb.Error, pa.ArrowException: the lake cannot be read.
    """
    active = Active.of(lake)
    wanted = [day for day in sorted(set(days)) if day in active.versions]
    related = active.related(wanted)
    batches = list(_batches(wanted, active.rows))
    find = partial(_found, lake, settings, audit_per_stratum, with_questions)
    for start in range(0, len(batches), _BATCHES):
        portion = batches[start : start + _BATCHES]
        tasks = [(batch, {day: related[day] for day in batch}) for batch in portion]
        sizes = [sum(active.rows[day] for day in batch) * _BYTES_PER_RESPONSE for batch in portion]
        yield (processes or Processes(1)).each(find, tasks, sizes)


def _found(
    lake: Lake,
    settings: Settings,
    audit_per_stratum: int,
    with_questions: bool,
    task: tuple[list[date], Mapping[date, set[date]]],
) -> Subjects:
    batch, related = task
    return subjects_of(
        lake, batch, related, settings, audit_per_stratum, with_questions=with_questions
    )


def build(
    lake: Lake,
    days: Iterable[date],
    settings: Settings,
    labelling: Labelling,
    processes: Processes | None = None,
) -> None:
    """Ask about `days`, and build and write their labels; days without turns have none.

    Raises:
        OSError, duckdb.Error, pa.ArrowException: the lake cannot be read or written.
    """
    active = Active.of(lake)
    portions = gathered(
        lake,
        days,
        settings,
        labelling.audit_per_stratum,
        processes,
        with_questions=labelling.needs_questions,
    )
    for portion in portions:
        questions = [question for found in portion for question in found.questions]
        labelling.ask(questions, [day for found in portion for day in found.days])
        # By what was answered at once.
        bench, version = labelling.bench, labelling.answers.version()
        for found in portion:
            _write(lake, active, found, settings, bench, labelling.answers, version)


def _batches(days: list[date], rows: Mapping[date, int]) -> Iterator[list[date]]:
    batch: list[date] = []
    size = 0
    for day in days:
        batch.append(day)
        size += rows[day]
        if size >= _RESPONSES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _inputs(
    lake: Lake,
    active: Active,
    day: date,
    related: Iterable[date],
    bench: Bench,
) -> str:
    flags = [(one.isoformat(), lake.notes(TOKEN_LEDGER, one).get(_INPUTS)) for one in related]
    told = [sorted(flags, key=lambda pair: pair[0]), bench.identity]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _write(
    lake: Lake,
    active: Active,
    found: Subjects,
    settings: Settings,
    bench: Bench,
    answers: Answers,
    version: str,
) -> None:
    beside = [question for by_id in found.flags.values() for question in by_id.values() if question]
    keys = {question.key(bench.judge) for question in (*found.questions, *beside)}
    known = answers.answers(keys)
    rows = {table: Rows(table, found.days) for table in LABEL_TABLES}
    for subject in found.subjects:
        for row in labels_of(subject, bench, known):
            rows[HAIKU_LABELS].add(subject.day, row)
    verdicts = _verdicts(found, bench, known)
    related = active.related(found.days)
    around = sorted(set(found.days).union(*related.values()))
    if verdicts:
        for session in sessions(lake, around, sorted(verdicts)):
            _settle(session, verdicts[session.id], settings, rows)
            session.release()
    by_day = _keys_by_day(found, active, bench)
    parts = {table: dict(rows[table].parts()) for table in LABEL_TABLES}
    for day in found.days:
        for table in (JUDGED_FLAGS, JUDGED_LEDGER):
            if parts[table][day].num_rows:
                lake.write(table, day, parts[table][day], {})
            else:
                lake.remove(table, day)
        own = sorted(by_day[day])
        notes = {
            _INPUTS: _inputs(lake, active, day, related[day], bench),
            _VERSION: version,
        }
        if found.has_questions:
            notes[_KEYS] = json.dumps(own)
            notes[_ANSWERS] = digest({key: known[key] for key in own if key in known})
        # Last: it says that the others are as they should be.
        lake.write(HAIKU_LABELS, day, parts[HAIKU_LABELS][day], notes)


def _keys_by_day(found: Subjects, active: Active, bench: Bench) -> dict[date, set[str]]:
    """The questions whose answers decide about each day."""
    keys: dict[date, set[str]] = {day: set() for day in found.days}
    for subject in found.subjects:
        if subject.question is not None:
            keys[subject.day].add(subject.question.key(bench.judge))
    for day in found.days:
        for session in active.sessions(day):
            for question in found.flags.get(session, {}).values():
                if question is not None:
                    keys[day].add(question.key(bench.judge))
    return keys


# --- what a judgement changes ---------------------------------------------------------------


def _verdicts(
    found: Subjects, bench: Bench, known: Mapping[str, Answer]
) -> dict[str, dict[str, bool]]:
    """By session and flag, whether it is what the detector took it for, where that is decided."""
    verdicts: dict[str, dict[str, bool]] = {}
    for session, by_id in found.flags.items():
        for id_, question in by_id.items():
            answer = known.get(question.key(bench.judge)) if question else None
            label = _deciding(id_, answer, bench)
            if label is not None:
                verdicts.setdefault(session, {})[id_] = label in CONFIRMS
    return verdicts


def _deciding(id_: str, answer: Answer | None, bench: Bench) -> str | None:
    task = tasks()[DEAD_END]
    human = bench.human.labels.get((DEAD_END, id_))
    if human is not None:
        return None if human.label in task.undecided else human.label
    if answer is None or not is_answered(answer) or not bench.counts(DEAD_END, answer):
        return None
    label = task.label(answer.value or {})
    return None if label in task.undecided else label


def _settle(
    session: Session,
    verdicts: Mapping[str, bool],
    settings: Settings,
    rows: Mapping[Table, Rows],
) -> None:
    flags = list(judged(detect(session, settings), verdicts))
    settlement = settle(session, flags)
    add_flags(flags, settlement, rows[JUDGED_FLAGS])
    add_shares(session, settlement, rows[JUDGED_LEDGER])


def judged(flags: Iterable[Flag], verdicts: Mapping[str, bool]) -> Iterator[Flag]:
    """The flags with what was judged: confirmed ones are likely, rejected ones are gone."""
    for flag in flags:
        verdict = verdicts.get(flag_id(flag)) if flag.needs_judgement else None
        if verdict is None:
            yield flag
        elif verdict:
            yield replace(flag, tier=Tier.LIKELY, needs_judgement=False, is_judged=True)


# --- rows ------------------------------------------------------------------------------------


def labels_of(subject: Subject, bench: Bench, known: Mapping[str, Answer]) -> list[dict[str, Any]]:
    """What rules, model and people say of a subject, and which of them counts."""
    task = tasks()[subject.task]
    rows = [_rule_row(subject)]
    key = subject.question.key(bench.judge) if subject.question else None
    if key is not None and key in known:
        rows.append(_llm_row(subject, known[key], bench))
    human = bench.human.labels.get((subject.task, subject.id))
    if human is not None:
        why = redact(human.why)[:_WORDS] if human.why else None
        told = {"labeler_kind": "human", "labeler_id": human.by, "status": "answered"}
        rows.append(_row(subject, label=human.label, fault=human.fault, evidence=why, **told))
    _choose(rows, task.undecided, bench)
    return [row | {"question_key": key} for row in rows]


_PRECEDENCE = ("human", "llm", "rule")


def _choose(rows: list[dict[str, Any]], undecided: Set[str], bench: Bench) -> None:
    """Mark the label that counts: of those that decide something, or else of all that answer."""
    can = [
        row
        for row in rows
        if row["status"] == "answered"
        and (row["labeler_kind"] != "llm" or row["synthetic"] == bench.is_synthetic)
    ]
    deciding = [row for row in can if row["label"] not in undecided] or can
    for kind in _PRECEDENCE:
        for row in deciding:
            if row["labeler_kind"] == kind:
                row["in_force"] = True
                return


def _rule_row(subject: Subject) -> dict[str, Any]:
    return _row(
        subject,
        labeler_kind="rule",
        labeler_id=f"rules@{flags_stage.rules()}",
        status="needs_judgement" if subject.rule_label is None else "answered",
        label=subject.rule_label,
        fault=subject.rule_fault,
    )


def _llm_row(subject: Subject, answer: Answer, bench: Bench) -> dict[str, Any]:
    task = tasks()[subject.task]
    status, label, value = str(answer.outcome), None, answer.value or {}
    if is_answered(answer):
        label = task.label(value)
        if subject.task not in bench.passed:
            status = "withheld"
    return _row(
        subject,
        labeler_kind="llm",
        labeler_id=answer.model_asked,
        status=status,
        label=label,
        fault=value.get("fault"),
        evidence=redact(str(value["evidence"]))[:_WORDS] if "evidence" in value else None,
        confidence=value.get("confidence"),
        prompt_version=answer.prompt_version,
        model_returned=answer.model_returned,
        request_id=answer.request_id,
        batch_id=answer.batch_id,
        answered_at=answer.answered_at,
        input_tokens=answer.input_tokens,
        write_tokens=answer.write_tokens,
        read_tokens=answer.read_tokens,
        output_tokens=answer.output_tokens,
        answer_usd=answer.usd,
        synthetic=answer.is_synthetic,
    )


def _row(subject: Subject, **told: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(HAIKU_LABELS.column_names)
    row |= {
        "task": subject.task,
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "in_force": False,
        "session_id": subject.session_id,
        "response_id": subject.response_id,
        "project": redact(subject.project) if subject.project else None,
        "transcript": subject.transcript,
        "line_no": subject.line_no,
        "calls": subject.calls,
        "usd": subject.usd,
        "stratum": subject.stratum,
        "weight": subject.weight,
        "rule_label": subject.rule_label,
        "synthetic": False,
    }
    return row | told


def has_questions(lake: Lake, day: date) -> bool:
    """Whether the questions about a day were made when it was built."""
    return _KEYS in lake.notes(HAIKU_LABELS, day)


def keys_of(lake: Lake, days: Collection[date]) -> dict[date, list[str]]:
    """The keys of the questions that each day rests on."""
    return {day: json.loads(lake.notes(HAIKU_LABELS, day).get(_KEYS, "[]")) for day in days}
