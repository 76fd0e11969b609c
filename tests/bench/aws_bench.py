"""What of a launch is ours, beside what AWS takes: calls, their order, and the span until the instance runs.

    python tests/bench/aws_bench.py [--rounds 5] [--latency 100] [--json FILE]

On the simulated AWS, without hosts, with `--latency` milliseconds added to every call: interleaved
rounds with the lower bound (`lower_bound.py`), ratios within a round, medians. Counts are exact.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.cloud import Clouds
from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import AwsGpuError, QuotaTooLow
from jupyter_awsgpu.host import Hosts
from jupyter_awsgpu.records import FactCache, Records
from jupyter_awsgpu.tunnel import Tunnels
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.wishes import wishes_from
from jupyter_awsgpu.verbs.workbench import Workbench

sys.path.insert(0, str(Path(__file__).parent))
import first_bound
import lower_bound

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.client import DemoStatus
    from jupyter_awsgpu.model import Event

REGION, TYPE = "us-west-2", "g4dn.xlarge"
SERVICES = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFkZHJlc3NlZC10by1ub2JvZHktYXQtYWxsLi4uLi4u bench"
GOALS = {
    "calls until RunInstances": 7,
    "calls one after another until RunInstances": 3,
    "command to running known in a kernel, over the lower bound": 1.3,
    "span of the calls, over the lower bound": 1.3,
    "first launch on an empty account, over its lower bound": 1.3,
    "all regions of a type, over one region's own questions": 1.5,
    "running noticed after it happened, at worst": 1.1,
    "RunInstances more after one full zone": 1,
    "round trips more after one full zone": 1.2,
    "RunInstances where the quota is 0 and was not a moment ago": 1,
    "changing calls where the quota is known to be 0": 0,
    "three throttles on one call, seconds more at worst": 8,
    "instances after three throttles of RunInstances": 1,
}
"""The most each figure may be."""

UNITS = {"running noticed after it happened, at worst": "s", "three throttles on one call, seconds more at worst": "s"}
READING = ("Describe", "Get", "List")
THROTTLED = ("GetCallerIdentity", "DescribeInstances", "DescribeSecurityGroups", "RunInstances")


class Running(BaseException):
    """Raised by the listener where the bench has seen enough: the instance runs."""


@dataclass
class Sight:
    """Ends a launch as soon as its instance is known to run."""

    seconds: float = 0.0
    began: float = 0.0

    def __call__(self, event: Event) -> None:
        """Hear one event of the launch."""
        if event.step == "running" and event.phase == "done":
            self.seconds = time.perf_counter() - self.began
            raise Running


class Account:
    """The simulated account, a data folder, and rooms built as another process would have them."""

    def __init__(self, folder: Path, latency_ms: float) -> None:
        self.status: DemoStatus = client.up(folder / "aws", hosts=False)
        self.folder = folder
        self.latency_ms = latency_ms
        self.number = 0
        self.made = 0
        self.clouds = self._clouds()

    def _clouds(self) -> Clouds:
        return Clouds(
            region=REGION,
            endpoint=self.status.endpoint,
            credentials=(self.status.access_key_id, self.status.secret_access_key),
            address_url=f"{self.status.endpoint}/_awsgpu/address",
            cache=FactCache(self.folder / "facts"),
            demo=True,
        )

    def set(self, **settings: float) -> None:
        """Change the simulated AWS's settings."""
        client.ask(self.status, "settings", dict(settings))

    def bench(self, listener: Sight) -> Workbench:
        """Open the rooms."""
        settings = configuration.load({"region": REGION, "data_dir": str(self.folder / "data")})
        records = Records(settings.data_folder)
        return Workbench(
            settings=settings,
            clouds=self.clouds,
            records=records,
            hosts=Hosts(pins=records.pins, keys=records.keys),
            tunnels=Tunnels(records.tunnel_folder, records.log_folder, lambda record: [sys.executable, record]),
            listener=listener,
        )

    def launch(self) -> tuple[float, list[dict[str, Any]]]:
        """Launch once, up to the instance running; return the seconds and the calls made."""
        self.number += 1
        session, self.clouds = self.clouds.session, self._clouds()
        self.clouds.session = session  # as the next verb in a kernel: the session is there, the account asked anew
        sight = Sight()
        bench = self.bench(sight)
        wishes = wishes_from(bench.settings, TYPE, name=f"bench{self.number}")
        before = self.calls()[-1]["number"] if self.calls() else 0
        self.set(latency_ms=self.latency_ms)
        sight.began = time.perf_counter()
        try:
            launch(bench, wishes, yes=True)
        except Running:
            pass
        except AwsGpuError:
            sight.seconds = time.perf_counter() - sight.began
            raise
        finally:
            self.set(latency_ms=0)
        made = client.ask(self.status, f"calls?since={before}")
        self.made = len(self.clouds.here().instances(name=wishes.name))
        self.end()
        return sight.seconds, made

    def first(self) -> float:
        """Return a first launch's seconds over its lower bound's, each on an account emptied before."""
        seconds = []
        for begin in (self._launch_first, self._least_first):
            client.ask(self.status, "reset", {})
            seconds.append(begin())
        return seconds[0] / seconds[1]

    def _launch_first(self) -> float:
        before, self.folder = self.folder, self.folder / f"new{self.number}"
        try:
            return self.launch()[0]
        finally:
            self.folder = before

    def _least_first(self) -> float:
        key = (self.status.access_key_id, self.status.secret_access_key)
        wishes = {"parameter": SERVICES, "public": PUBLIC, "type": TYPE}
        self.set(latency_ms=self.latency_ms)
        try:
            return first_bound.launch(self.status.endpoint, key, REGION, wishes)[1]
        finally:
            self.set(latency_ms=0)

    def noticed_after(self, pending_s: float) -> float:
        """Return how long after an instance began to run a launch knew it."""
        usual = client.ask(self.status, "settings")["pending_s"]
        self.set(pending_s=pending_s)
        try:
            _seconds, made = self.launch()
        finally:
            self.set(pending_s=usual)
        (run,) = [call for call in made if call["operation"] == "RunInstances"]
        last = made[-1]
        return float(last["time"] + last["seconds"] - (run["time"] + run["seconds"] + pending_s))

    def least(self) -> float:
        """Launch once by the lower bound; return its seconds."""
        cloud = self.clouds.here()
        pairs = cloud.place.ec2.describe_key_pairs()["KeyPairs"]
        pair = next(one for one in pairs if one["KeyName"].startswith("awsgpu-"))
        groups = cloud.place.ec2.describe_security_groups()["SecurityGroups"]
        group = next(one for one in groups if one["GroupName"].startswith("awsgpu-"))
        image = cloud.image(None, cloud.instance_type(TYPE))
        wishes = {"image": image.image_id, "key": pair["KeyName"], "group": group["GroupId"], "type": TYPE}
        key = (self.status.access_key_id, self.status.secret_access_key)
        self.set(latency_ms=self.latency_ms)
        try:
            instance_id, seconds = lower_bound.launch(self.status.endpoint, key, REGION, wishes)
        finally:
            self.set(latency_ms=0)
        cloud.terminate(instance_id)
        return seconds

    def end(self) -> None:
        """Terminate what a launch left, tags or not."""
        for one in self.clouds.here().instances():
            self.clouds.here().terminate(one.instance_id)

    def calls(self) -> list[dict[str, Any]]:
        """Return the whole log of calls."""
        found: list[dict[str, Any]] = client.ask(self.status, "calls")
        return found

    def fail(self, operation: str, code: str, **more: Any) -> None:
        """Open a tap."""
        client.ask(self.status, "faults", {"operation": operation, "code": code, **more})


def until_run(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls up to the first RunInstances, itself included."""
    names = [call["operation"] for call in calls]
    return calls[: names.index("RunInstances") + 1]


def one_after_another(calls: list[dict[str, Any]]) -> int:
    """Return the length of the longest chain in which each call began after the one before had ended."""
    longest: list[tuple[float, int]] = []
    for call in sorted(calls, key=lambda one: one["time"]):
        before = max((length for ended, length in longest if ended <= call["time"]), default=0)
        longest.append((call["time"] + (call["seconds"] or 0), before + 1))
    return max(length for _, length in longest)


def regions_ratio(account: Account) -> float:
    """Return how much longer all regions take than one region's own questions one after another."""
    itype = account.clouds.here().instance_type(TYPE)
    names = account.clouds.regions()
    account.clouds.cache = FactCache(account.folder / f"facts-{time.time_ns()}")
    fresh = account._clouds()
    fresh.cache = account.clouds.cache
    cloud = fresh.here("eu-west-1")
    cloud.place.ec2.describe_regions()
    account.set(latency_ms=account.latency_ms)
    began = time.perf_counter()
    cloud.zones_offering(TYPE)
    cloud.price(TYPE)
    cloud.spot_price(TYPE)
    one = time.perf_counter() - began
    began = time.perf_counter()
    fresh.each([name for name in names if name != "eu-west-1"], lambda there: there.offer(itype, spot=True))
    everywhere = time.perf_counter() - began
    account.set(latency_ms=0)
    return everywhere / one


def span(calls: list[dict[str, Any]]) -> float:
    """Return the seconds from the first call to the end of the last."""
    return max(call["time"] + (call["seconds"] or 0) for call in calls) - min(call["time"] for call in calls)


def measure(account: Account, rounds: int) -> dict[str, float]:
    """Return every figure of `GOALS`."""
    account.launch()  # what a first launch learns, a warm one knows
    over, spans, warm, made = [], [], [], []
    for _round in range(rounds):
        seconds, made = account.launch()
        least = account.least()
        warm.append(seconds)
        over.append(seconds / least)
        spans.append(span(made) / least)
    first = until_run(made)
    usual, trip = statistics.median(warm), account.latency_ms / 1000
    figures = {
        "calls until RunInstances": len(first),
        "calls one after another until RunInstances": one_after_another(first),
        "command to running known in a kernel, over the lower bound": statistics.median(over),
        "span of the calls, over the lower bound": statistics.median(spans),
        "all regions of a type, over one region's own questions": statistics.median(
            regions_ratio(account) for _round in range(rounds)
        ),
        "running noticed after it happened, at worst": max(account.noticed_after(pending) for pending in (0.5, 4.0)),
    }
    unknown, known = quota_calls(account)
    figures["RunInstances where the quota is 0 and was not a moment ago"] = unknown
    figures["changing calls where the quota is known to be 0"] = known
    full = []
    for _round in range(rounds):
        beside = account.launch()[0]
        zone = account.clouds.here().zones_offering(TYPE)[0]
        account.fail("RunInstances", "InsufficientInstanceCapacity", status=500, zone=zone)
        seconds, made = account.launch()
        full.append((seconds - beside) / trip)
    tried = [call["operation"] for call in made].count("RunInstances")
    figures["RunInstances more after one full zone"] = tried - 1
    figures["round trips more after one full zone"] = statistics.median(full)
    throttled = {}
    for operation in THROTTLED:
        code = "Throttling" if operation == "GetCallerIdentity" else "RequestLimitExceeded"
        account.fail(operation, code, times=3)
        throttled[operation] = account.launch()[0] - usual
    figures["three throttles on one call, seconds more at worst"] = max(throttled.values())
    figures["instances after three throttles of RunInstances"] = account.made
    ratios = [account.first() for _round in range(rounds)]
    figures["first launch on an empty account, over its lower bound"] = statistics.median(ratios)
    return {name: figures[name] for name in GOALS}


def quota_calls(account: Account) -> tuple[int, int]:
    """Return the RunInstances that a quota of 0 costs where it was not 0 before, and every change where it was."""
    cloud = account.clouds.here()
    quota = cloud.quota(cloud.instance_type(TYPE))
    assert quota is not None
    client.ask(account.status, "quota", {"region": REGION, "code": quota.code, "value": 0})
    changing = []
    try:
        for _again in range(2):
            before = account.calls()[-1]["number"]
            with suppress(QuotaTooLow):
                account.launch()
            made = client.ask(account.status, f"calls?since={before}")
            changing.append([call["operation"] for call in made if not call["operation"].startswith(READING)])
    finally:
        client.ask(account.status, "quota", {"region": REGION, "code": quota.code, "value": quota.limit})
    return changing[0].count("RunInstances"), len(changing[1])


def table(figures: dict[str, float]) -> str:
    """Return the figures against their goals, as text."""
    rows = [f"{'':62} {'goal':>6} {'seen':>7}"]
    for name, goal in GOALS.items():
        seen = figures[name]
        rows.append(f"{name:62} {goal:>6g} {seen:>7.4g} {'' if seen <= goal else 'missed'}")
    return "\n".join(rows)


def main() -> int:
    """Measure and print; exit status 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=100.0, help="milliseconds added to every call")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        account = Account(Path(folder), options.latency)
        try:
            figures = measure(account, options.rounds)
        finally:
            client.down(Path(folder) / "aws")
    machine = f"{platform.machine()}, {psutil.cpu_count()} processors, load {psutil.getloadavg()[0]:.1f}"
    sys.stdout.write(f"{table(figures)}\n({options.rounds} rounds, {options.latency:g} ms a call; {machine})\n")
    if options.json:
        document = {"figures": figures, "goals": GOALS, "rounds": options.rounds, "machine": machine}
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return int(any(figures[name] > goal for name, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
