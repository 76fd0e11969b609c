"""A day of random verbs, faults, kills and clocks: at every moment, what we say is billed is what is billed."""

from __future__ import annotations

import os
import time
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.verbs.cleanup import ORDER, cleanup, leftovers
from jupyter_awsgpu.verbs.cost import MONTH_H
from jupyter_awsgpu.verbs.image import delete_image, image
from jupyter_awsgpu.verbs.keep import keep
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.start import start
from jupyter_awsgpu.verbs.status import status
from jupyter_awsgpu.verbs.stop import stop
from jupyter_awsgpu.verbs.terminate import terminate
from jupyter_awsgpu.verbs.wishes import wishes_from
from jupyter_awsgpu.verbs.workbench import Workbench
from tests.behaviour.cloud.account import new_clouds
from tests.behaviour.verbs.hosts_that_answer import HostsThatAnswer, Page, TunnelsToOnePage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_awsgpu.model import Event, Leftover
    from tests.behaviour.cloud.account import Aws

FULL = bool(os.environ.get("AWSGPU_TESTS_FULL"))
EXAMPLES, STEPS = (40, 25) if FULL else (4, 9)

NAMES = st.sampled_from(["gpu", "other"])
REGION_OF = {"gpu": "us-west-2", "other": "us-east-1"}
CHANGING = ("RunInstances", "StopInstances", "StartInstances", "TerminateInstances", "CreateImage", "DeregisterImage")
READING = ("DescribeInstances", "DescribeImages", "DescribeVolumes", "DescribeKeyPairs")
CODES = (
    "drop",
    "drop-answer",
    "InternalError",
    "RequestLimitExceeded",
    "UnauthorizedOperation",
    "InsufficientInstanceCapacity",
)


class Killed(BaseException):
    """The process is dead: raised from the moment on, whatever it still tries."""


class Day(RuleBasedStateMachine):
    """One laptop, one account, and whatever happens."""

    aws: Aws
    folder: Path
    page: Page

    def __init__(self) -> None:
        super().__init__()
        client.ask(self.aws.status, "reset", {})
        client.ask(self.aws.status, "settings", {"pending_s": 0, "stopping_s": 0, "image_s": 0, "volume_s": 0})
        self.data = self.folder / f"{time.monotonic_ns()}"
        self.clock_s = 0.0
        self.events_left: int | None = None
        self.faults: list[dict[str, str]] = []
        self.bench = self._laptop()
        self.owner = self.bench.clouds.identity().owner
        self.images: list[str] = []

    def _laptop(self) -> Workbench:
        """Open the rooms, as a new process does."""
        records = Records(self.data)
        places = (records.tunnel_folder, records.log_folder, lambda record: ["false", record])
        return Workbench(
            settings=configuration.load({"demo": True, "data_dir": str(self.data)}),
            clouds=new_clouds(self.aws, self.data / "cache"),
            records=records,
            hosts=HostsThatAnswer(),  # type: ignore[arg-type]
            tunnels=TunnelsToOnePage(*places, since=datetime.now(UTC), port=self.page.port),
            listener=self._hear,
            now=lambda: time.time() + self.clock_s,
        )

    def _hear(self, _event: Event) -> None:
        """Count down to the kill; a dead process says nothing more."""
        if self.events_left is not None:
            self.events_left -= 1
            if self.events_left <= 0:
                raise Killed

    def do(self, verb: Callable[..., object], *words: object, **options: Any) -> None:
        """Run a verb to its end, its refusal, or its death; a refusal nobody foresaw is a failure."""
        for fault in self.faults:
            client.ask(self.aws.status, "faults", fault)
        try:
            verb(self.bench, *words, **options)
        except Killed:
            self.bench = self._laptop()
        except AwsGpuError as exc:
            if exc.code == "bug":
                raise
        finally:
            self.events_left, self.faults = None, []
            self._close_faults()
            self._settle()

    def _close_faults(self) -> None:
        request = urllib.request.Request(f"{self.aws.status.endpoint}/_awsgpu/faults", method="DELETE")  # noqa: S310
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - our own loopback

    def _settle(self) -> None:
        """Wait until nothing is on its way: EC2 changes states in its own time."""
        deadline = time.monotonic() + 30
        while any(one["state"] in ("pending", "stopping", "shutting-down") for one in self._machines()):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _machines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.ask(self.aws.status, "status")["instances"]
        return found

    def _running(self) -> list[str]:
        return sorted(one["id"] for one in self._machines() if one["state"] == "running")

    # ── verbs ──

    @rule(name=NAMES, spot=st.sampled_from(["no", "no", "yes", "prefer"]))
    def launch(self, name: str, spot: str) -> None:
        wishes = wishes_from(self.bench.settings, "g4dn.xlarge", name=name, region=REGION_OF[name], spot=spot)
        self.do(launch, wishes, yes=True)

    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        self.do(stop, name)

    @rule(name=NAMES)
    def start(self, name: str) -> None:
        self.do(start, name)

    @rule(name=NAMES)
    def terminate(self, name: str) -> None:
        self.do(terminate, name, yes=True)

    @rule(name=NAMES, hours=st.sampled_from([0.0, 2.0]))
    def keep(self, name: str, hours: float) -> None:
        self.do(keep, name, hours=hours)

    @rule(name=NAMES, then_terminate=st.booleans())
    def image(self, name: str, then_terminate: bool) -> None:
        self.images.append(f"image-{len(self.images)}")
        self.do(image, name, image_name=self.images[-1], then_terminate=then_terminate, yes=True)

    @precondition(lambda self: self.images)
    @rule(name=NAMES)
    def delete_image(self, name: str) -> None:
        self.do(delete_image, self.images[-1], region=REGION_OF[name], yes=True)

    @rule(kinds=st.sampled_from([(), ("instance",), ("image", "snapshot"), ("volume",)]))
    def cleanup(self, kinds: tuple[str, ...]) -> None:
        self.do(cleanup, kinds=kinds, yes=True)

    # ── what befalls them ──

    @rule(after=st.integers(1, 25))
    def be_killed_at_the_next_verb(self, after: int) -> None:
        self.events_left = after

    @rule(operation=st.sampled_from(CHANGING + READING), code=st.sampled_from(CODES))
    def fail_once_in_the_next_verb(self, operation: str, code: str) -> None:
        self.faults.append({"operation": operation, "code": code})

    @rule(hours=st.sampled_from([-30.0, -1.0, 0.1, 26.0]))
    def move_the_laptops_clock(self, hours: float) -> None:
        self.clock_s += hours * 3600

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def stop_itself(self, data: st.DataObject) -> None:
        client.ask(self.aws.status, "shutdown", {"instance_id": data.draw(st.sampled_from(self._running()))})
        self._settle()

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def be_taken_back(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self._running()))
        with suppress(AwsGpuError):  # one that is no spot instance
            client.ask(self.aws.status, "interrupt", {"instance_id": one, "notice_s": 0})
            deadline = time.monotonic() + 30
            while one in self._running():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        self._settle()

    # ── what holds at every moment ──

    @invariant()
    def what_we_say_is_billed_is_what_is_billed(self) -> None:
        rows = self._ledger()
        found = [one for region in REGION_OF.values() for one in self.bench.cloud(region).leftovers(self.owner)]
        assert self._billed(found) == {row["id"] for row in rows if row["kind"] != "address"}
        said, true = sum(one.cost_per_month or 0.0 for one in found), sum(row["per_hour"] for row in rows) * MONTH_H
        assert said == pytest.approx(true, abs=0.02 * (len(rows) + 1))
        running = {one.instance_id for one in status(self.bench) if one.state.bills}
        assert running == {row["id"] for row in rows if row["kind"] == "instance"}

    @invariant()
    def no_name_is_anybody_twice(self) -> None:
        names = [one.name for one in status(self.bench) if one.state is not InstanceState.TERMINATED]
        assert len(names) == len(set(names)), names

    def _ledger(self) -> list[dict[str, Any]]:
        return [row for row in client.ask(self.aws.status, "ledger")["resources"] if row["billing"]]

    def _billed(self, found: list[Leftover]) -> set[str]:
        costing = [one for one in found if one.cost_per_month]
        snapshots = {
            word for one in costing if one.kind == "image" for word in one.detail.split() if word[:5] == "snap-"
        }
        return snapshots | {one.id for one in costing if one.kind != "image"}

    def teardown(self) -> None:
        """At the end of the day `cleanup` finds all of it, in every region, and leaves nothing that is billed."""
        self.events_left = None
        assert self._billed(list(leftovers(self.bench))) == {r["id"] for r in self._ledger() if r["kind"] != "address"}
        cleanup(self.bench, kinds=ORDER, yes=True)
        assert self._ledger() == []


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page()
    yield made
    made.close()


@pytest.mark.timeout(1800 if FULL else 300)
def test_a_day_of_verbs_ends_with_nothing_forgotten(aws: Aws, tmp_path: Path, page: Page) -> None:
    """`cleanup` and `status` show exactly what the server's own ledger says is billing, after each step."""
    Day.aws, Day.folder, Day.page = aws, tmp_path, page
    run_state_machine_as_test(
        Day,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not FULL,
            database=None,
            phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
