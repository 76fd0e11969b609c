"""AWS for one person: who asks, from where, in which regions. Hands out one `Cloud` a region."""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_awsgpu.cloud import bill, identity, regions
from jupyter_awsgpu.cloud.cloud import Cloud
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.place import Place
from jupyter_awsgpu.cloud.session import Session
from jupyter_awsgpu.errors import AwsGpuError, AwsUnreachable, NoRegion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from jupyter_awsgpu.cloud.identity import AccountPlan
    from jupyter_awsgpu.cloud.place import Facts
    from jupyter_awsgpu.model import Cost, Identity

T = TypeVar("T")

AT_ONCE = 40
"""Regions asked at the same time: all there are, in one wave."""

ADDRESS_S = 60.0
"""Seconds for which this machine's address counts as known."""

ASKED_ALREADY_S = 2.0
"""Seconds for which an answer on the account serves again: one verb asks once, the next one anew."""


class Clouds:
    """All of AWS, for one profile or, with `endpoint` and `credentials`, for something that speaks like it.

    `cache` keeps day-old facts; `address_url` answers with the caller's IPv4 address; `demo` only marks.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
        credentials: tuple[str, str] | None = None,
        address_url: str = "https://checkip.amazonaws.com",
        cache: Facts,
        demo: bool = False,
        default_ssh_port: int = 22,
    ) -> None:
        self.session = Session(profile=profile, region=region, endpoint=endpoint, credentials=credentials)
        self.cache = cache
        self.demo = demo
        self._address_url = address_url
        self._ssh_port = default_ssh_port
        self._lock = threading.Lock()
        self._clouds: dict[str, Cloud] = {}
        self._asked: dict[str, tuple[float, Any]] = {}

    @property
    def default_region(self) -> str:
        """The region that options, environment or profile name. Raises `NoRegion`."""
        found = self.session.region
        if not found:
            raise NoRegion
        return found

    @property
    def _any_region(self) -> str:
        name = self.session.region or "us-east-1"
        regions.require_known(self.session, name)  # before a request goes to an endpoint that does not exist
        return name

    def here(self, region: str | None = None) -> Cloud:
        """Return the cloud in a region, the default one without a name. Raises `UnknownRegion`, `NoRegion`."""
        name = region or self.default_region
        with self._lock:
            if name not in self._clouds:
                regions.require_known(self.session, name)
                self._clouds[name] = Cloud(self, Place(self.session, name, self.cache, self._ssh_port))
            return self._clouds[name]

    def warm(self) -> None:
        """Load boto3 and make the first clients in a thread of its own, so that the first verb finds them made."""
        threading.Thread(target=self._make_clients, name="awsgpu-warm", daemon=True).start()

    def _make_clients(self) -> None:
        with suppress(AwsGpuError):  # whatever is wrong, the first verb says
            for service in ("ec2", "sts"):
                self.session.client(service, self._any_region)

    def regions(self) -> tuple[str, ...]:
        """Return the regions the account has enabled; the catalogue's where nobody can be asked."""
        return regions.enabled(self.here(self._any_region).place)

    def of_this_partition(self, names: Iterable[str]) -> set[str]:
        """Return those of some regions that these credentials can ask: another partition does not know them."""
        here = self.session.partition(self._any_region)
        known = set(names) & set(regions.known(self.session))
        return {name for name in known if self.session.partition(name) == here}

    def each(self, wanted: Iterable[str] | None, ask: Callable[[Cloud], T]) -> dict[str, T | AwsGpuError]:
        """Ask every region (all enabled ones for None) at the same time; a region's refusal is its answer."""
        names = tuple(dict.fromkeys(self.regions() if wanted is None else wanted))

        def answer(name: str) -> T | AwsGpuError:
            try:
                return ask(self.here(name))
            except AwsGpuError as exc:
                return exc

        if len(names) <= 1:
            return {name: answer(name) for name in names}
        with parallel(min(AT_ONCE, len(names))) as pool:
            return dict(zip(names, pool.map(answer, names), strict=True))

    # ── the account ──────────────────────────────────────────────────────────────────────────

    def identity(self) -> Identity:
        """Return who AWS says we are. Raises the credentials' errors."""
        return self._once("identity", ASKED_ALREADY_S, lambda: identity.identity(self.session, self._any_region))

    def account_plan(self) -> AccountPlan:
        """Return whether the account is on the Free plan: `free`, `paid` or `unknown`."""
        return self._once("plan", ASKED_ALREADY_S, lambda: identity.account_plan(self.session, self._any_region))

    def bill(self, *, since: date | None = None) -> tuple[Cost, ...]:
        """Return what AWS says was spent on our resources; the question itself costs $0.01."""
        return bill.bill(self.session, self._any_region, self.identity().owner, since=since)

    def caller_address(self) -> str:
        """Return the IPv4 address AWS sees this machine at. Raises `AwsUnreachable`."""
        return self._once("address", ADDRESS_S, self._ask_address)

    def look_up_address(self) -> None:
        """Begin to ask for this machine's address: whoever needs it waits for that answer, not for a new one."""
        threading.Thread(target=self._quietly, args=(self.caller_address,), name="awsgpu-address", daemon=True).start()

    @staticmethod
    def _quietly(ask: Callable[[], object]) -> None:
        with suppress(AwsGpuError):  # said where the answer is needed
            ask()

    def _ask_address(self) -> str:
        import urllib.request

        handlers = [urllib.request.ProxyHandler({})] if "://127." in self._address_url else []
        request = urllib.request.Request(self._address_url)  # noqa: S310 - the setting's own address
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=10) as response:
                text = response.read(1000).decode("ascii", "replace")
        except OSError as exc:
            raise AwsUnreachable(endpoint=self._address_url) from exc
        found = re.search(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text)
        if found is None:
            raise AwsUnreachable(endpoint=self._address_url)
        return found.group()

    def _once(self, what: str, seconds: float, ask: Callable[[], T]) -> T:
        """Return a fresh enough answer; threads that ask the same at once ask AWS once."""
        with self.session.asking(what):
            at, known = self._asked.get(what, (-seconds, None))
            if time.monotonic() - at < seconds and known is not None:
                answer: T = known
                return answer
            fresh = ask()
            self._asked[what] = (time.monotonic(), fresh)
            return fresh
