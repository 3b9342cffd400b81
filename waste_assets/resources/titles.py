"""Having the judge name clusters, in a run of Dagster."""

from __future__ import annotations

from dagster import get_dagster_logger

from waste_assets.clusters.shown import shown
from waste_assets.clusters.titles import questions
from waste_assets.faults import Fault
from waste_assets.labels.store import LabelStore
from waste_assets.report.shown import inert
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku


def ask_titles(data_root: DataRoot, haiku: Haiku, run_id: str) -> None:
    """Ask what new and grown clusters are called, where there are a key and a budget.

    Of the clusters that are built: those of the days of this run may be asked about by the next.
    What cannot be sent is told, and stops no run.
    """
    if haiku.why_off is not None:
        return
    lake, state = data_root.lake, data_root.state()
    try:
        found = questions(lake, shown(lake, state), show_examples=data_root.show_examples)
        about = [asked[0] for asked in found.values()]
        if not about:
            return
        with data_root.labelling(haiku) as labelling:
            allowed = labelling.allowed(about, about[0].day)
        asked = haiku.ask(LabelStore(state), allowed, run_id, about="clusters")
        if asked is not None and asked.told is not None:
            get_dagster_logger().warning(inert(asked.told))
    except Fault as fault:
        get_dagster_logger().warning(inert(str(fault)))
    finally:
        state.close()
