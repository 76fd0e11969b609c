"""`runs`: what runs on an instance by itself, and what has; cancelled, its executed notebook fetched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import NoSuchRun, NothingThere
from jupyter_awsgpu.records import held
from jupyter_awsgpu.remote import scripts
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Run
    from jupyter_awsgpu.verbs.workbench import Workbench


def runs(bench: Workbench, name: str | None = None) -> tuple[Run, ...]:
    """Return the runs that the instance keeps, the latest first."""
    instance = choose(bench, name, "runs")
    require_running(instance, "show its runs")
    with reach(bench, instance) as host:
        return scripts.runs(host, instance.name)


def cancel(bench: Workbench, run_id: str, name: str | None = None) -> Run:
    """End a run: asked to first, made to after ten seconds. Raises `NoSuchRun`."""
    instance = choose(bench, name, "runs")
    require_running(instance, "cancel a run")
    with reach(bench, instance) as host:
        return scripts.cancel(host, instance.name, run_id)


def fetch(bench: Workbench, run_id: str, name: str | None = None, *, folder: Path | None = None) -> Path:
    """Bring a notebook's executed copy to `RUN.ipynb` here, or in `folder`; so far as it got, while it runs.

    Raises `NoSuchRun`, and `NothingThere` for a run that was no notebook.
    """
    instance = choose(bench, name, "runs")
    require_running(instance, "fetch a notebook")
    with reach(bench, instance) as host:
        found = next((one for one in scripts.runs(host, instance.name) if one.id == run_id), None)
        if found is None:
            raise NoSuchRun(name=instance.name, run=run_id)
        if not found.executed:
            raise NothingThere(path=f"executed notebook of {run_id}", where=instance.name, verb="runs")
        target = (folder or Path.cwd()) / f"{found.id}.ipynb"
        files = host.files()
        part = target.with_name(f".{target.name}.part")
        files.get(f"{scripts.FOLDER}/{found.id}/executed.ipynb", str(part))
        held.replace(part, target)
        return target
