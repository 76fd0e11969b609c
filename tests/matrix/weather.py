"""Bad weather at AWS, for a whole verb: lists that lag, a clock that is off, slow and missing answers, bursts.

Each verb ends in success or in an error of its own, within a bounded time, as with a single refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud.session import READ_S
from tests.matrix import refusals

if TYPE_CHECKING:
    from tests.matrix.crash import Case
    from tests.matrix.laptop import Account, Laptop

NO_ANSWER_MS = (READ_S + 1) * 1000.0
"""Longer than an answer of AWS is waited for."""

GOOD = {"staleness_s": 0.0, "clock_s": 0.0, "latency_ms": 0.0}

WEATHER: dict[str, tuple[str, dict[str, Any]]] = {
    "new instances unknown for 30 s": ("settings", {"staleness_s": 30.0}),
    "a clock ten minutes off": ("settings", {"clock_s": 600.0}),
    "every answer a second late": ("settings", {"latency_ms": 1000.0}),
    "no answer to the first call": ("faults", {"operation": "*", "latency_ms": NO_ANSWER_MS}),
    "no answer to the ninth call": ("faults", {"operation": "*", "latency_ms": NO_ANSWER_MS, "spare": 8}),
    "a burst of throttling": ("faults", {"operation": "*", "code": "RequestLimitExceeded", "times": 30}),
    "a burst of 500s": ("faults", {"operation": "*", "code": "InternalError", "times": 30, "spare": 3}),
    **{
        f"credentials that expire after {spare} calls": (
            "faults",
            {"operation": "*", "code": "ExpiredToken", "times": None, "spare": spare},
        )
        for spare in (2, 8, 25)
    },
}
"""What is set at the simulated AWS, by where it is set."""


def try_one(case: Case, what: str, account: Account) -> None:
    """Give the verb in that weather; raise `Lost` if it takes it badly."""
    refusals.try_in(case, account, lambda laptop: laptop.ask(*WEATHER[what]), _clear)


def _clear(laptop: Laptop) -> None:
    laptop.close_faults()
    laptop.ask("settings", GOOD)
