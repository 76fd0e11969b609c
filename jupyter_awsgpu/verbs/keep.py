"""`keep`: hold the idle stop off for a while (the cap still stands)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import BadValue
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

LONGEST_HOURS = 24.0 * 7
"""A longer hold would be an instance forgotten."""


def keep(bench: Workbench, name: str | None = None, *, hours: float = 1.0) -> Instance:
    """Keep an idle instance running for `hours` from now; 0 takes an earlier hold back."""
    if not 0 <= hours <= LONGEST_HOURS:
        raise BadValue(option="HOURS", value=f"{hours:g}", expected=f"it takes 0 to {LONGEST_HOURS:g}", verb="keep")
    instance = choose(bench, name, "keep")
    require_running(instance, "be kept")
    with reach(bench, instance) as host:
        guest.keep(host, hours)
        return replace(instance, guest=guest.read_report(host))
