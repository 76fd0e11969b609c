"""A region seen through one session: clients, the day-old facts, and how both are asked. No decisions."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsError, CredentialsError, PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.cloud.session import Session

T = TypeVar("T")

DAY_S = 24 * 3600.0

AHEAD_S = 10.0
"""Seconds for which an answer asked for ahead counts as present."""

UNASKABLE = (CredentialsError, AwsError, PermissionDenied)
"""What keeps a question from being asked at all: nobody's wish is wrong, and a catalogue may answer."""


class Facts(Protocol):
    """Somewhere that facts are kept and grow old (`records.FactCache`, or a dictionary in a test)."""

    def get(self, key: str, max_age_s: float) -> Any | None:
        """Return the fact, if it is known and younger than `max_age_s` seconds."""

    def put(self, key: str, value: object) -> None:
        """Keep a JSON-able fact."""


@dataclass(frozen=True)
class Place:
    """One region, as every module of this room sees it."""

    session: Session
    region: str
    facts: Facts
    ssh_port: int = 22
    _ahead: dict[str, tuple[float, Any]] = field(default_factory=dict, repr=False)

    @property
    def ec2(self) -> Any:
        """The EC2 client of the region."""
        return self.session.client("ec2", self.region)

    def client(self, service: str, region: str | None = None) -> Any:
        """Return another service's client, here or in `region`."""
        return self.session.client(service, region or self.region)

    def known(self, key: str, max_age_s: float = DAY_S, *, of: str | None = None) -> Any | None:
        """Return a fact of this region (or `of` something wider) if it is known and young enough."""
        return self.facts.get(self._full(key, of), max_age_s)

    def learn(self, key: str, value: object, *, of: str | None = None) -> None:
        """Keep a fact; None makes it unknown again, where AWS has just said otherwise."""
        self.facts.put(self._full(key, of), value)

    def _full(self, key: str, of: str | None) -> str:
        """Name a fact for good: zones, enabled regions and permissions differ from account to account."""
        return f"{self.session.profile_name}/{of or self.region}/{key}"

    def remembered(self, key: str, ask: Callable[[], T], *, max_age_s: float = DAY_S, of: str | None = None) -> T:
        """Return the fact `key` (JSON-able) of this region, or `of` something wider, asking if none is young enough.

        Threads that want the same fact at once ask once.
        """
        with self.session.asking(self._full(key, of)):
            value = self.known(key, max_age_s, of=of)
            if value is None:
                value = ask()
                self.learn(key, value, of=of)
            fact: T = value
            return fact

    def foresee(self, what: str, answer: object) -> None:
        """Keep an answer asked for ahead of its need; it serves once, and only for some seconds."""
        self._ahead[what] = (time.monotonic(), answer)

    def foreseen(self, what: str, ask: Callable[[], T]) -> T:
        """Return the answer asked for ahead, or ask now."""
        at, answer = self._ahead.pop(what, (-AHEAD_S, None))
        if time.monotonic() - at < AHEAD_S:
            known: T = answer
            return known
        return ask()

    def pages(self, client: Any, operation: str, result: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield every item of a paginated operation, its refusals translated."""
        with refusals(region=self.region):
            for page in client.get_paginator(operation).paginate(**parameters):
                yield from page.get(result, ())


def filters(**wanted: str | tuple[str, ...]) -> list[dict[str, Any]]:
    """Return EC2's form of filters; underscores in names stand for hyphens.

    >>> filters(instance_type="p2.xlarge")
    [{'Name': 'instance-type', 'Values': ['p2.xlarge']}]
    """
    return [
        {"Name": name.replace("_", "-"), "Values": [values] if isinstance(values, str) else list(values)}
        for name, values in wanted.items()
    ]


def until(deadline_s: float, again: Callable[[float], bool], *, first_s: float = 0.2, most_s: float = 3.0) -> bool:
    """Call `again(seconds left)` until it says True or the time is over; waits grow from `first_s` to `most_s`."""
    end, pause = time.monotonic() + deadline_s, first_s
    while not again(end - time.monotonic()):
        if time.monotonic() + pause > end:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, most_s)
    return True
