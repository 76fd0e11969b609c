"""Instances: finding ours, asking for one, waiting for it, and its lifecycle. boto3's dictionaries end here."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import catalogue, tags
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.place import UNASKABLE, filters
from jupyter_awsgpu.cloud.refusals import refusals, translate
from jupyter_awsgpu.cloud.request import as_sent
from jupyter_awsgpu.errors import (
    AwsGpuError,
    AwsThrottled,
    AwsUnreachable,
    InstanceGone,
    NoCapacity,
    QuotaTooLow,
    UnknownType,
    WrongState,
)
from jupyter_awsgpu.model import Gpu, Instance, InstanceState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jupyter_awsgpu.cloud.place import Place

KNOWN_WITHIN_S = 30.0
"""EC2 may not know a new instance everywhere for some seconds (EC2 guide, eventual consistency)."""

POLLS = ((3.0, 0.1), (10.0, 0.25), (60.0, 0.5))
"""Until so many seconds after the start, seconds between two looks at a state; once a second later on."""

SLOWEST_POLL_S = 1.0


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def instances(
    place: Place,
    *,
    owner: str | None = None,
    name: str | None = None,
    launch_id: str | None = None,
    client_token: str | None = None,
    include_terminated: bool = False,
) -> tuple[Instance, ...]:
    """Return the instances that carry our tags, narrowed by what is given; without `owner`, everybody's."""
    wanted = filters(tag_key=tags.SCHEMA)
    for key, value in ((tags.OWNER, owner), (tags.NAME, name), (tags.LAUNCH, launch_id)):
        if value is not None:
            wanted += filters(**{f"tag:{key}": value})
    if client_token is not None:
        wanted += filters(client_token=client_token)
    if not include_terminated:
        wanted += filters(instance_state_name=tuple(state.value for state in InstanceState if state.alive))
    pages = place.pages(place.ec2, "describe_instances", "Reservations", Filters=wanted)
    found = [described(one, place) for reservation in pages for one in reservation["Instances"]]
    return tuple(sorted(found, key=lambda one: (one.name, one.launched_at, one.instance_id)))


def look(place: Place, instance_id: str) -> Instance:
    """Return the instance as EC2 has it at this moment, ended ones too. Raises `InstanceGone` if unknown."""
    with refusals(region=place.region, instance_id=instance_id):
        answer = place.ec2.describe_instances(InstanceIds=[instance_id])
    for reservation in answer["Reservations"]:
        for one in reservation["Instances"]:
            return described(one, place)
    raise InstanceGone(name=instance_id, why="AWS does not know it")


def instance(place: Place, instance_id: str) -> Instance:
    """Return a living instance; one that EC2 does not know yet is asked for again for half a minute.

    Raises `InstanceGone` where it has ended.
    """
    found = _when_known(place, instance_id, time.monotonic() + KNOWN_WITHIN_S)
    if found.state is InstanceState.TERMINATED:
        raise InstanceGone(name=found.name, why=found.state_reason or "it was terminated")
    return found


def _when_known(place: Place, instance_id: str, deadline: float) -> Instance:
    while True:
        try:
            return look(place, instance_id)
        except InstanceGone:
            if time.monotonic() + SLOWEST_POLL_S > deadline:
                raise
        time.sleep(SLOWEST_POLL_S / 2)


def described(answer: Mapping[str, Any], place: Place) -> Instance:
    """Return the value of one instance of DescribeInstances or RunInstances."""
    has = tags.read(answer)
    price, _, currency = has.get(tags.PRICE, "").partition(" ")
    reason = str(answer.get("StateReason", {}).get("Message") or answer.get("StateTransitionReason") or "")
    disk = has.get(tags.DISK, "")
    return Instance(
        name=has.get(tags.NAME, str(answer["InstanceId"])),
        instance_id=str(answer["InstanceId"]),
        instance_type=str(answer["InstanceType"]),
        state=InstanceState(answer["State"]["Name"]),
        region=place.region,
        zone=str(answer.get("Placement", {}).get("AvailabilityZone", "")),
        launch_id=has.get(tags.LAUNCH, ""),
        owner=has.get(tags.OWNER, ""),
        image_id=str(answer.get("ImageId", "")),
        launched_at=answer.get("LaunchTime") or datetime.now(UTC),
        ssh_user=has.get(tags.USER, "ubuntu"),
        image_wish=has.get(tags.IMAGE, ""),
        ssh_port=int(has[tags.SSH_PORT]) if has.get(tags.SSH_PORT, "").isdigit() else place.ssh_port,
        key_name=answer.get("KeyName"),
        public_address=answer.get("PublicIpAddress") or None,
        private_address=answer.get("PrivateIpAddress") or None,
        security_groups=tuple(group["GroupId"] for group in answer.get("SecurityGroups", ())),
        volume_ids=tuple(
            one["Ebs"]["VolumeId"]
            for one in answer.get("BlockDeviceMappings", ())
            if one.get("Ebs", {}).get("VolumeId")
        ),
        root_gb=int(disk) if disk.isdigit() else None,
        spot=answer.get("InstanceLifecycle") == "spot",
        gpu=_gpu(str(answer["InstanceType"])),
        price_per_hour=_number(price),
        currency=currency or "USD",
        state_reason=reason or None,
        stopped_at=stopped_at(str(answer.get("StateTransitionReason") or "")),
        tags=tuple(sorted(has.items())),
    )


def _gpu(type_name: str) -> Gpu | None:
    known = catalogue.instance_type(type_name)
    return known.gpu if known else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def stopped_at(reason: str) -> datetime | None:
    """Return the moment that EC2's transition reason names.

    >>> stopped_at("User initiated (2026-11-20 08:15:02 GMT)")
    datetime.datetime(2026, 11, 20, 8, 15, 2, tzinfo=datetime.timezone.utc)
    """
    found = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)", reason)
    return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None


# ── asking for one ───────────────────────────────────────────────────────────────────────────


def run(place: Place, request: Mapping[str, Any], facts: Mapping[str, object]) -> tuple[Instance, ...]:
    """Send the request once, as it stands; repeating is the caller's affair, with the same token or a new one.

    Raises `NoCapacity`, `ZoneNotOffered`, `QuotaTooLow`, `SpotQuotaTooLow`, `SpotPriceTooLow`, `FreePlan`
    and whatever else AWS answers.
    """
    client = place.session.client("ec2", place.region, single_attempt=True)
    zone = request.get("Placement", {}).get("AvailabilityZone")
    with refusals(**{"zone": zone, "region": place.region, **facts}):
        answer = client.run_instances(**as_sent(request))
    return tuple(described(one, place) for one in answer["Instances"])


def dry_run(place: Place, request: Mapping[str, Any], facts: Mapping[str, object]) -> None:
    """Ask whether the request would be permitted. Quota, capacity and Free plan are not asked by this."""
    asked = {key: value for key, value in as_sent(request).items() if key != "ClientToken"}
    permitted(place, "run_instances", facts, **asked)


def permitted(place: Place, operation: str, facts: Mapping[str, object] | None = None, **parameters: Any) -> None:
    """Make a call with DryRun. Raises what AWS answers, `PermissionDenied` above all."""
    try:
        getattr(place.ec2, operation)(DryRun=True, **parameters)
    except Exception as exc:
        error = translate(exc, {"region": place.region, **(facts or {})})
        if error is None:
            raise
        if error.facts.get("aws_code") != "DryRunOperation":
            raise error from exc


def require_permissions(place: Place, request: Mapping[str, Any]) -> None:
    """Raise `PermissionDenied` unless a launch and what it needs would be allowed; other refusals say nothing here."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("run_instances", dict(request)),
        ("import_key_pair", {"KeyName": "awsgpu-permission", "PublicKeyMaterial": _ANY_KEY}),
        ("create_security_group", {"GroupName": "awsgpu-permission", "Description": "permission check"}),
    ]
    with parallel(len(asked)) as pool:
        answers = [pool.submit(permitted, place, operation, **parameters) for operation, parameters in asked]
    for answer in answers:
        error = answer.exception()
        if error is not None and (isinstance(error, UNASKABLE) or not isinstance(error, AwsGpuError)):
            raise error


_ANY_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFkZHJlc3NlZC10by1ub2JvZHktYXQtYWxsLi4uLi4u dry-run"


# ── waiting and changing ─────────────────────────────────────────────────────────────────────


def wait_for(
    place: Place,
    instance_id: str,
    states: set[InstanceState],
    *,
    timeout_s: float,
    on_poll: Callable[[Instance], None] | None = None,
) -> Instance:
    """Return the instance once it is in one of the states, looking at it at least once a second.

    Throttling and a broken connection are waited out. Raises `InstanceGone` (with EC2's reason) where it
    ends instead, `WrongState` where the time runs out.
    """
    began = time.monotonic()
    seen: Instance | None = None
    while True:
        try:
            seen = look(place, instance_id)
        except InstanceGone:
            if time.monotonic() - began > min(KNOWN_WITHIN_S, timeout_s):
                raise
        except (AwsThrottled, AwsUnreachable):
            if time.monotonic() - began > timeout_s:
                raise
        else:
            if on_poll is not None:
                on_poll(seen)
            if seen.state in states:
                return seen
            _require_hope(seen, states)
        if time.monotonic() - began > timeout_s:
            state = seen.state.value if seen else "unknown to EC2"
            wanted = " or ".join(sorted(one.value for one in states))
            raise WrongState(name=seen.name if seen else instance_id, state=state, verb=f"become {wanted} in time")
        time.sleep(pause_after(time.monotonic() - began))


def pause_after(waited_s: float) -> float:
    """Return the seconds until the next look.

    >>> pause_after(0), pause_after(30), pause_after(300)
    (0.1, 0.5, 1.0)
    """
    return next((pause for until, pause in POLLS if waited_s < until), SLOWEST_POLL_S)


def _require_hope(seen: Instance, states: set[InstanceState]) -> None:
    """Raise where the states waited for cannot come any more."""
    if not seen.state.alive and not states & {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED}:
        raise InstanceGone(name=seen.name, why=seen.state_reason or "it was terminated")
    fell_back = seen.state in (InstanceState.STOPPED, InstanceState.STOPPING) and InstanceState.RUNNING in states
    if fell_back and "InsufficientInstanceCapacity" in (seen.state_reason or ""):
        raise NoCapacity(instance_type=seen.instance_type, tried=seen.zone, region=seen.region)


def stop(place: Place, instance_id: str) -> None:
    """Ask EC2 to stop the instance. Raises `WrongState`, also for a one-time spot instance."""
    with _known_state(place, instance_id), refusals(region=place.region, instance_id=instance_id, verb="stop"):
        place.ec2.stop_instances(InstanceIds=[instance_id])


def start(place: Place, instance_id: str) -> None:
    """Ask EC2 to start the instance again, once. Raises `NoCapacity`, `QuotaTooLow`, `WrongState`."""
    client = place.session.client("ec2", place.region, single_attempt=True)
    with _known_state(place, instance_id), refusals(region=place.region, instance_id=instance_id, verb="start"):
        client.start_instances(InstanceIds=[instance_id])


def terminate(place: Place, instance_id: str) -> None:
    """Ask EC2 to end the instance; its root disk goes with it."""
    with _known_state(place, instance_id), refusals(region=place.region, instance_id=instance_id, verb="terminate"):
        place.ec2.terminate_instances(InstanceIds=[instance_id])


@contextmanager
def _known_state(place: Place, instance_id: str) -> Iterator[None]:
    """Fill a refusal's sentence with what EC2 leaves out of it: the instance's name, state, type and zone."""
    try:
        yield
    except (WrongState, NoCapacity, QuotaTooLow) as exc:
        seen = look(place, instance_id)
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


def console_output(place: Place, instance_id: str) -> str:
    """Return what the instance has printed on its console; minutes late, or empty, at first."""
    with refusals(region=place.region, instance_id=instance_id):
        answer = place.ec2.get_console_output(InstanceId=instance_id)
    return str(answer.get("Output") or "")
