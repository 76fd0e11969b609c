"""Scale: `status` of a thousand instances beside their pages alone, and fifty launches beside one.

    python tests/bench/scale_bench.py [--rounds 3] [--instances 1000] [--count 50]

On the simulated AWS without hosts, 100 ms added to every call; ratios within a round, medians. What is asked once
and not once an instance is counted in the suite (tests/behaviour/verbs/test_launch_many.py). The simulated AWS
computes on the same cores: fifty bare RunInstances calls, all at once, are measured beside the fifty launches.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.verbs.launch_many import launch_many
from jupyter_awsgpu.verbs.status import status
from jupyter_awsgpu.verbs.wishes import wishes_from

sys.path.insert(0, str(Path(__file__).parent))
import aws_bench

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Event

TAGS = ("name", "owner", "schema", "launch-id")
GOALS = {
    "status of 1,000 instances, over their pages alone": 1.5,
    "50 launched by --count until all run, over one": 2.0,
}
BOUND = "50 bare RunInstances alone, over one launch"


class AllRun(BaseException):
    """Raised by the listener where the bench has seen enough: all machines run."""


class Sight:
    """Ends the launch of many once each of them is known to run."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.began = time.perf_counter()
        self.seconds = 0.0

    def __call__(self, event: Event) -> None:
        """Hear one event of any of them."""
        if event.step == "running" and event.phase == "done":
            self.left -= 1
            self.seconds = time.perf_counter() - self.began
            raise AllRun


def many(account: aws_bench.Account, count: int) -> float:
    """Return the seconds from the command until `count` machines are known to run."""
    session, account.clouds = account.clouds.session, account._clouds()
    account.clouds.session = session
    sight = Sight(count)
    bench = account.bench(sight)  # type: ignore[arg-type]
    account.number += 1
    wishes = wishes_from(bench.settings, aws_bench.TYPE, name=f"many{account.number}")
    account.set(latency_ms=account.latency_ms)
    sight.began = time.perf_counter()
    try:
        launch_many(bench, wishes, count, yes=True)
    except AllRun:
        pass
    finally:
        account.set(latency_ms=0)
    assert sight.left == 0, f"{sight.left} of {count} did not run"
    account.end()
    return sight.seconds


def bare(account: aws_bench.Account, count: int) -> float:
    """Return the seconds of as many RunInstances calls alone, by boto3, from as many threads."""
    cloud = account.clouds.here()
    image = cloud.image(None, cloud.instance_type(aws_bench.TYPE)).image_id
    wanted = {"ImageId": image, "InstanceType": aws_bench.TYPE, "MinCount": 1, "MaxCount": 1, "UserData": "x" * 9000}
    tags = [{"Key": f"jupyter-awsgpu:{key}", "Value": "bare"} for key in (*TAGS, *map(str, range(8)))]
    kinds = [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume", "network-interface")]
    account.set(latency_ms=account.latency_ms)
    began = time.perf_counter()
    try:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda _: cloud.place.ec2.run_instances(**wanted, TagSpecifications=kinds), range(count)))
        return time.perf_counter() - began
    finally:
        account.set(latency_ms=0)
        account.end()


def listed(account: aws_bench.Account, instances: int) -> float:
    """Return the seconds of `status` over those of its pages by boto3 alone, each with as many instances."""
    bench = account.bench(aws_bench.Sight())
    ec2 = account.clouds.here().place.ec2
    owner = account.clouds.identity().owner
    image = account.clouds.here().image(None, account.clouds.here().instance_type(aws_bench.TYPE)).image_id
    for number in range(instances // 100):
        has = {"name": f"s{number}", "owner": owner, "schema": "1", "launch-id": f"l-{number}"}
        tags = [{"Key": f"jupyter-awsgpu:{key}", "Value": has[key]} for key in TAGS]
        wanted = {"ImageId": image, "InstanceType": aws_bench.TYPE, "MinCount": 100, "MaxCount": 100}
        ec2.run_instances(**wanted, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    account.set(latency_ms=account.latency_ms)
    try:
        alive = ["pending", "running", "stopping", "stopped"]
        filters = [
            {"Name": "tag-key", "Values": ["jupyter-awsgpu:schema"]},
            {"Name": "instance-state-name", "Values": alive},
        ]
        began = time.perf_counter()
        seen = [
            one
            for page in ec2.get_paginator("describe_instances").paginate(Filters=filters)
            for one in page["Reservations"]
        ]
        alone = time.perf_counter() - began
        assert sum(len(one["Instances"]) for one in seen) == instances
        began = time.perf_counter()
        assert len(status(bench)) == instances
        ours = time.perf_counter() - began
        began = time.perf_counter()
        assert len(status(bench)) == instances
        again = time.perf_counter() - began
    finally:
        account.set(latency_ms=0)
    sys.stderr.write(f"pages alone {alone:.2f} s, status {ours:.2f} s, again {again:.2f} s\n")
    return again / alone


def measure(account: aws_bench.Account, rounds: int, *, instances: int = 1000, count: int = 50) -> dict[str, float]:
    """Return every figure of `GOALS`, and of `BOUND`: what of the launch of many is the simulated AWS's own."""
    client.ask(account.status, "quota", {"region": aws_bench.REGION, "code": "L-DB2E81BA", "value": 100_000})
    account.launch()
    ratios, bound = [], []
    for _ in range(rounds):
        one, all_of_them = account.launch()[0], many(account, count)
        sys.stderr.write(f"one {one:.2f} s, {count} {all_of_them:.2f} s\n")
        ratios.append(all_of_them / one)
        bound.append(bare(account, count) / one)
    of_status, of_launch = GOALS
    client.ask(account.status, "reset", {})
    client.ask(account.status, "quota", {"region": aws_bench.REGION, "code": "L-DB2E81BA", "value": 100_000})
    return {
        of_status: listed(account, instances),
        of_launch: statistics.median(ratios),
        BOUND: statistics.median(bound),
    }


def alone(rounds: int, *, instances: int = 1000, count: int = 50) -> dict[str, float]:
    """Return every figure, on a simulated AWS of its own."""
    with tempfile.TemporaryDirectory() as folder:
        account = aws_bench.Account(Path(folder), 100.0)
        try:
            return measure(account, rounds, instances=instances, count=count)
        finally:
            client.down(Path(folder) / "aws")


def main() -> int:
    """Measure and print; exit status 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--count", type=int, default=50)
    asked = parser.parse_args()
    seen = alone(asked.rounds, instances=asked.instances, count=asked.count)
    for name, value in seen.items():
        goal = f"  (at most {GOALS[name]:g})" if name in GOALS else ""
        sys.stdout.write(f"{name:60} {value:6.2f}{goal}\n")
    return int(any(seen[name] > goal for name, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
