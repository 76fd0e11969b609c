"""Many instances awaited by one stream of questions, where EC2's answers may be older than what was asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from jupyter_awsgpu.cloud import lifecycle, watch
from jupyter_awsgpu.cloud.watch import Watch
from jupyter_awsgpu.errors import AwsThrottled, InstanceGone, NoCapacity
from jupyter_awsgpu.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.cloud.place import Place

BOX = "i-0123456789abcdef0"
USUAL = "Client.UserInitiatedShutdown: User initiated shutdown"
NO_ROOM = "Server.InsufficientInstanceCapacity: Insufficient capacity to satisfy instance request"


class Ec2:
    """A region that gives prepared answers about one instance, a state and its reason each; the last one stays."""

    region, ssh_port, ec2 = "us-west-2", 22, None

    def __init__(self, *answers: tuple[str, str]) -> None:
        self.answers = list(answers)

    def pages(self, *_question: Any, **_filters: Any) -> Iterator[dict[str, Any]]:
        """Answer as one page of DescribeInstances does."""
        state, reason = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        row = {"InstanceId": BOX, "InstanceType": "g4dn.xlarge", "State": {"Name": state}}
        yield {"Instances": [row | {"StateReason": {"Message": reason}, "Placement": {"AvailabilityZone": "a"}}]}


class Throttling(Ec2):
    """A region that throttles so many looks and then answers."""

    def __init__(self, looks: float, *answers: tuple[str, str]) -> None:
        super().__init__(*answers)
        self.looks = looks

    def pages(self, *question: Any, **filters: Any) -> Iterator[dict[str, Any]]:
        """Refuse, or answer."""
        self.looks -= 1
        if self.looks >= 0:
            raise AwsThrottled(operation="DescribeInstances")
        return super().pages(*question, **filters)


def watched(*answers: tuple[str, str]) -> InstanceState:
    """Return the state in which the watch gives the instance back."""
    watch = Watch(cast("Place", Ec2(*answers)))
    return watch.until_running(BOX, timeout_s=20, still=lambda: None).state


def test_an_answer_from_before_the_start_settles_nothing() -> None:
    """Some still say «stopped» right after StartInstances: the machine is awaited, not called gone."""
    assert watched(("stopped", USUAL), ("stopping", USUAL), ("pending", ""), ("running", "")) is InstanceState.RUNNING


def test_a_machine_that_fell_back_for_want_of_room_is_settled_at_once() -> None:
    """EC2 took the start and then had no room: its reason stands in the state it went back to."""
    with pytest.raises(NoCapacity, match=r"g4dn\.xlarge"):
        watched(("pending", ""), ("stopped", NO_ROOM))


@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
def test_a_machine_that_ended_is_said_with_ec2s_reason(state: str) -> None:
    """Not that nobody knows it."""
    with pytest.raises(InstanceGone, match="Internal error on launch"):
        watched(("pending", ""), (state, "Server.InternalError: Internal error on launch"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who is told after half a second, not after a minute."""
    for module in (lifecycle, watch):
        monkeypatch.setattr(module, "UNHEARD_S", 0.5)


def awaited(place: Throttling, *, at_once: bool) -> InstanceState:
    """Return the state in which one of the two ways to wait gives the instance back."""
    if at_once:
        return Watch(cast("Place", place)).until_running(BOX, timeout_s=20, still=lambda: None).state
    return lifecycle.wait_for(cast("Place", place), BOX, {InstanceState.RUNNING}, timeout_s=20).state


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.usefixtures("impatient")
def test_a_burst_of_throttling_is_waited_out(at_once: bool) -> None:
    """Some looks that are refused are none of a person's business."""
    assert awaited(Throttling(3, ("running", "")), at_once=at_once) is InstanceState.RUNNING


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.usefixtures("impatient")
def test_an_aws_that_refuses_every_look_is_told(at_once: bool) -> None:
    """Not after all the time that a state may take, ten minutes, but soon: the same command goes on."""
    with pytest.raises(AwsThrottled):
        awaited(Throttling(float("inf"), ("running", "")), at_once=at_once)
