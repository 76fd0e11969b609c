"""How long this machine has run: seconds of each boot, the sum, and what that cost."""

from __future__ import annotations

import time

from . import paths

BOOTS_KEPT = 200


def uptime() -> float:
    """Return the seconds this boot has lasted, on a clock that cannot be set."""
    return max(0.0, time.monotonic() - float(paths.boot()["at"]))


def update() -> dict:
    """Write this boot's seconds down, and return the ledger."""
    path = paths.state("ledger.json")
    ledger = paths.read_json(path, {})
    boots = [row for row in ledger.get("boots", []) if row["id"] != paths.boot_id()]
    older = sum(row["seconds"] for row in boots[:-BOOTS_KEPT]) + ledger.get("older_s", 0)
    row = {"id": paths.boot_id(), "until": round(paths.now()), "seconds": round(uptime(), 1)}
    ledger = {"boots": [*boots[-BOOTS_KEPT:], row], "older_s": older}
    paths.note_json(path, ledger)
    return ledger


def seconds() -> float:
    """Return the seconds this machine has run in all, up to now."""
    ledger = paths.read_json(paths.state("ledger.json"), {})
    others = sum(row["seconds"] for row in ledger.get("boots", []) if row["id"] != paths.boot_id())
    return others + ledger.get("older_s", 0) + uptime()


def spent(price_per_hour: "float | None") -> "float | None":
    """Return what that cost so far, instance only, or None where the price is not known."""
    return None if price_per_hour is None else round(seconds() / 3600 * float(price_per_hour), 4)
