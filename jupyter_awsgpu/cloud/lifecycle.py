"""An instance's life after its launch: waiting for a state, stopping, starting, ending, changing it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.instances import KNOWN_WITHIN_S, look, look_at
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.cloud.tags import written
from jupyter_awsgpu.errors import (
    AwsThrottled,
    AwsUnreachable,
    InstanceGone,
    NoCapacity,
    QuotaTooLow,
    UnknownType,
    WrongState,
)
from jupyter_awsgpu.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.model import Instance

POLLS = ((3.0, 0.1), (10.0, 0.25), (60.0, 0.5))
"""Until so many seconds after the start, seconds between two looks at a state; once a second later on."""

SLOWEST_POLL_S = 1.0

UNHEARD_S = 60.0
"""Seconds for which AWS may throttle, fail or be out of reach, look after look: then a person is told."""


def wait_for(place: Place, instance_id: str, states: set[InstanceState], *, timeout_s: float) -> Instance:
    """Return the instance once it is in one of the states; see `wait_for_all`."""
    return wait_for_all(place, (instance_id,), states, timeout_s=timeout_s)[0]


def wait_for_all(
    place: Place, instance_ids: Sequence[str], states: set[InstanceState], *, timeout_s: float
) -> tuple[Instance, ...]:
    """Return the instances once each is in one of the states, looking at all of them at least once a second.

    Throttling and a broken connection are waited out for a minute. Raises `InstanceGone` (with EC2's reason) where
    one ends instead, `WrongState` where the time runs out.
    """
    began = heard = time.monotonic()
    seen: tuple[Instance, ...] = ()
    while True:
        try:
            seen = look_at(place, instance_ids)
        except InstanceGone:
            if time.monotonic() - began > min(KNOWN_WITHIN_S, timeout_s):
                raise
        except (AwsThrottled, AwsUnreachable):
            if time.monotonic() - heard > min(UNHEARD_S, timeout_s):
                raise
        else:
            heard = time.monotonic()
            late = [one for one in seen if one.state not in states]
            if not late:
                return seen
            for one in late:
                require_hope(one, states)
        if time.monotonic() - began > timeout_s:
            name, state = (late[0].title, late[0].state.value) if seen else (instance_ids[0], "unknown to EC2")
            wanted = " or ".join(sorted(one.value for one in states))
            raise WrongState(name=name, state=state, verb=f"become {wanted} in time")
        time.sleep(pause_after(time.monotonic() - began))


def pause_after(waited_s: float) -> float:
    """Return the seconds until the next look.

    >>> pause_after(0), pause_after(30), pause_after(300)
    (0.1, 0.5, 1.0)
    """
    return next((pause for until, pause in POLLS if waited_s < until), SLOWEST_POLL_S)


def require_hope(seen: Instance, states: set[InstanceState]) -> None:
    """Raise where the states waited for cannot come any more."""
    refusal = hopeless(seen, states)
    if refusal is not None:
        raise refusal


def hopeless(seen: Instance, states: Collection[InstanceState]) -> InstanceGone | NoCapacity | None:
    """Return why the states waited for cannot come any more; None while they may.

    «Stopped» by itself says nothing to who waits for a start: EC2's answer may be older than the start.
    """
    if not seen.state.alive and not {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED}.intersection(states):
        return InstanceGone(name=seen.title, why=seen.state_reason or "it was terminated")
    fell_back = seen.state in (InstanceState.STOPPED, InstanceState.STOPPING) and InstanceState.RUNNING in states
    if fell_back and "InsufficientInstanceCapacity" in (seen.state_reason or ""):
        return NoCapacity(instance_type=seen.instance_type, tried=seen.zone, region=seen.region)
    return None


def stop(place: Place, *instance_ids: str) -> None:
    """Ask EC2 to stop the instances. Raises `WrongState`, also for a one-time spot instance."""
    with _asking(place, instance_ids, "stop"):
        place.ec2.stop_instances(InstanceIds=list(instance_ids))


def start(place: Place, *instance_ids: str) -> None:
    """Ask EC2 to start the instances again, once. Raises `NoCapacity`, `QuotaTooLow`, `WrongState`."""
    client = place.session.client("ec2", place.region, single_attempt=True)
    with _asking(place, instance_ids, "start"):
        client.start_instances(InstanceIds=list(instance_ids))


def terminate(place: Place, *instance_ids: str) -> None:
    """Ask EC2 to end the instances; their root disks go with them."""
    with _asking(place, instance_ids, "terminate"):
        place.ec2.terminate_instances(InstanceIds=list(instance_ids))


@contextmanager
def _asking(place: Place, instance_ids: Sequence[str], verb: str) -> Iterator[None]:
    """Fill a refusal's sentence with what EC2 leaves out of it: an instance's name, state, type and zone."""
    try:
        with refusals(region=place.region, instance_id=", ".join(instance_ids), verb=verb):
            yield
    except (WrongState, NoCapacity, QuotaTooLow) as exc:
        seen = look(place, instance_ids[0])
        itype = catalogue.instance_type(seen.instance_type)
        told = {
            "name": seen.name,
            "state": seen.state.value if exc.facts.get("aws_code") != "UnsupportedOperation" else exc.facts["state"],
            "instance_type": seen.instance_type,
            "tried": seen.zone,
            "family": seen.instance_type.partition(".")[0].upper(),
            "needed": itype.vcpus if itype else "…",
        }
        raise type(exc)(None, **{**exc.facts, **told}) from exc


def set_shutdown_behaviour(place: Place, instance_id: str, behaviour: str) -> None:
    """Set what a shutdown from inside does: `stop` or `terminate`."""
    with refusals(region=place.region, instance_id=instance_id):
        place.ec2.modify_instance_attribute(
            InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": behaviour}
        )


def set_instance_type(place: Place, instance_id: str, type_name: str) -> None:
    """Give a stopped instance another type. Raises `WrongState`, `UnknownType`."""
    try:
        with refusals(region=place.region, instance_id=instance_id, instance_type=type_name, verb="change its type"):
            place.ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": type_name})
    except UnknownType as exc:
        raise UnknownType(instance_type=type_name, nearest="listed by the command") from exc


def tag(place: Place, instance_id: str, tags: Mapping[str, str]) -> None:
    """Write tags on an instance that exists: how one of another tool's becomes one we know."""
    with refusals(region=place.region, instance_id=instance_id):
        place.ec2.create_tags(Resources=[instance_id], Tags=written(tags))


def console_output(place: Place, instance_id: str) -> str:
    """Return what the instance has printed on its console; minutes late, or empty, at first."""
    with refusals(region=place.region, instance_id=instance_id):
        answer = place.ec2.get_console_output(InstanceId=instance_id)
    return str(answer.get("Output") or "")
