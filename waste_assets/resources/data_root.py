"""The data root as a Dagster resource: lake, state database, BI files."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import dagster as dg

from waste_assets.detectors.flag import Settings as DetectorSettings
from waste_assets.labels.labelling import Labelling
from waste_assets.labels.store import LabelStore
from waste_assets.lake.in_use import beside_no_audit, in_use
from waste_assets.lake.lake import Lake
from waste_assets.lake.place import lake_of
from waste_assets.lake.state import State
from waste_assets.resources.haiku import Haiku
from waste_assets.settings import LABELS_FILE, Settings
from waste_assets.transcripts.days import Calendar


class DataRoot(dg.ConfigurableResource["DataRoot"]):
    """Everything that the project writes lies below one directory."""

    path: str
    #: Where the lake lies; empty: below the path.
    lake_url: str = ""
    time_zone: str = "UTC"
    prefix_budget: int = Settings.prefix_budget
    result_cap: int = Settings.result_cap
    names: bool = Settings.names
    show_examples: bool = Settings.show_examples
    #: What people have judged; empty: `labels.jsonl` below the path.
    labels_file: str = ""
    audit_sample: int = Settings.audit_sample

    @property
    def root(self) -> Path:
        """The directory."""
        return Path(self.path)

    @property
    def lake(self) -> Lake:
        """The lake of it."""
        return lake_of(self.root, self.lake_url)

    @property
    def bi(self) -> Path:
        """Where the BI files are published."""
        return self.root / "bi"

    @property
    def report(self) -> Path:
        """Where the report is written."""
        return self.root / "report"

    @property
    def calendar(self) -> Calendar:
        """Days as this data root counts them."""
        return Calendar(self.time_zone)

    @property
    def detector_settings(self) -> DetectorSettings:
        """What detectors call too much."""
        return DetectorSettings(self.prefix_budget, self.result_cap)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["DataRoot"]:
        """For as long as a run, or a step of one, is at work there."""
        # Who only looks around, as a sensor does, waits for nobody.
        turn = beside_no_audit(self.root, lambda: _tell(context)) if context.run else nullcontext()
        with turn, in_use(self.root):
            yield self

    @contextmanager
    def label_store(self) -> Iterator[LabelStore]:
        """The questions and answers of the state database."""
        state = self.state()
        try:
            yield LabelStore(state)
        finally:
            state.close()

    @contextmanager
    def labelling(
        self, haiku: Haiku | None = None, run_id: str | None = None
    ) -> Iterator[Labelling]:
        """Who judges, and whose judgements count; open while it is used.

        With a run's id questions may be sent, as far as there are a key and a budget.
        """
        state = self.state()
        try:
            file = Path(self.labels_file) if self.labels_file else self.root / LABELS_FILE
            store, judge = LabelStore(state), haiku or Haiku()
            send = None
            if run_id is not None and judge.why_off is None:
                send = judge.sender(self.lake, store, run_id)
            yield Labelling.of(
                state,
                file,
                self.audit_sample,
                judge=judge.judge,
                answers=store,
                send=send,
                is_synthetic=judge.is_synthetic,
            )
        finally:
            state.close()

    def state(self) -> State:
        """Open the state database; the caller closes it."""
        return State(self.root)


def _tell(context: dg.InitResourceContext) -> None:
    if context.log:
        context.log.info("An audit by command is running: waiting until it has ended.")
