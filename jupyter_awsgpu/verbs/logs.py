"""`logs`: what the instance, its Jupyter, the tunnel and this machine's own verbs have said."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import WrongState
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.verbs.workbench import Workbench

SOURCES = ("guest", "jupyter", "tunnel", "operations")


def logs(bench: Workbench, name: str | None = None, *, source: str = "guest", follow: bool = False) -> Iterator[str]:
    """Yield log lines of one source; `follow` goes on until interrupted (guest and jupyter)."""
    if source == "operations":
        yield from _operations(bench, name)
        return
    instance = choose(bench, name, "logs")
    if source == "tunnel":
        yield from bench.tunnels.log_lines(instance.instance_id)
        return
    if instance.state is not InstanceState.RUNNING:
        raise WrongState(name=instance.name, state=instance.state.value, verb="show its log", remedy_verb="start")
    with reach(bench, instance) as host:
        yield from guest.logs(host, source=source, follow=follow)


def _operations(bench: Workbench, name: str | None) -> Iterator[str]:
    for summary in reversed(bench.records.operations.recent(name=name)):
        yield f"{summary.verb} {summary.name}: {summary.outcome}"
        for event in summary.events:
            when = datetime.fromtimestamp(event.at).astimezone().strftime("%H:%M:%S")
            yield f"  {when} {event.phase:8} {event.text}"
