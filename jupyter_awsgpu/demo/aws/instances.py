"""The operations on instances that exist: describe, start, stop, terminate, reboot, change, console.

Refusals follow EC2's error-code page and user guide ("Stop and start", "Spot Instances").
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import capacity, limits, offerings, placement
from jupyter_awsgpu.demo.aws.launch import decoded_user_data
from jupyter_awsgpu.demo.aws.machine import CODES, Machine
from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.operations import Call, operation
from jupyter_awsgpu.demo.aws.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


ALL = 1_000_000_000


def known(call: Call, instance_id: str) -> Machine:
    """Return a machine of the call's region, or refuse as AWS does, also while it is too new to be known."""
    return all_known(call, [instance_id])[0]


def all_known(call: Call, instance_ids: Iterable[str]) -> list[Machine]:
    """Return the machines of these ids; one wrong id refuses them all, as AWS does."""
    asked = [str(one) for one in instance_ids]
    for one in asked:
        if not one.startswith("i-"):
            raise Refusal("InvalidInstanceID.Malformed", f'Invalid id: "{one}" (expecting "i-...")')
    found = {one: machines(call.world).get(one) for one in asked}
    missing = [one for one, machine in found.items() if machine is None or not _visible(call, machine)]
    if missing:
        words = (" '", "' does") if len(missing) == 1 else ("s '", "' do")
        raise Refusal(
            "InvalidInstanceID.NotFound", f"The instance ID{words[0]}{', '.join(missing)}{words[1]} not exist"
        )
    return [machine for machine in found.values() if machine is not None]


def _visible(call: Call, machine: Machine) -> bool:
    return machine.region == call.region and machine.known_at <= time.time()


def _asked(call: Call) -> list[Machine]:
    return all_known(call, call.get("InstanceIds", []))


def _state(name: str) -> dict[str, Any]:
    return {"Code": CODES[name], "Name": name}


def _wrong_state(machine: Machine, verb: str) -> Refusal:
    return Refusal(
        "IncorrectInstanceState",
        f"The instance '{machine.id}' is not in a state from which it can be {verb}.",
    )


@operation("DescribeInstances")
def describe_instances(call: Call) -> object:
    """List instances in pages, without those too new to be known (moto: pages of reservations, no staleness)."""
    _require_filters(call)
    if _asked(call) and call.get("MaxResults"):
        raise Refusal(
            "InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults"
        )
    start, size = int(call.get("NextToken") or 0), int(call.get("MaxResults") or call.world.settings.page)
    for name in ("NextToken", "MaxResults"):
        call.params.pop(name, None)
    call.params["MaxResults"] = ALL
    hidden = {one.id for one in machines(call.world).all(call.region) if one.known_at > time.time()}
    found = [(row, [one for one in row.instances if one.id not in hidden]) for row in call.moto()["Reservations"]]
    rows, count = _page(found, start, size)
    return {"Reservations": rows, "NextToken": str(start + size) if start + size < count else ""}


def _page(found: list[tuple[Any, list[Any]]], start: int, size: int) -> tuple[list[Any], int]:
    """Return the reservations of a page of instances, and how many instances there are."""
    rows, at = [], 0
    for row, instances in found:
        row.instances = instances[max(0, start - at) : max(0, start + size - at)]
        at += len(instances)
        if row.instances:
            rows.append(row)
    return rows, at


def _require_filters(call: Call) -> None:
    from moto.ec2.utils import filter_dict_attribute_mapping

    for name in call.filters():
        if name not in filter_dict_attribute_mapping and not name.startswith(("tag:", "tag-key", "tag-value")):
            raise Refusal("InvalidParameterValue", f"The filter '{name}' is invalid")


@operation("DescribeInstanceStatus")
def describe_instance_status(call: Call) -> object:
    """Check the ids as AWS does, then let moto answer."""
    call.end_dry_run()
    _asked(call)
    return call.moto()


@operation("StartInstances")
def start_instances(call: Call) -> object:
    """Start what is stopped, all of it or nothing; capacity and quota are asked anew."""
    asked = _asked(call)
    for machine in asked:
        if machine.state not in ("stopped", "running", "pending"):
            raise _wrong_state(machine, "started")
    call.end_dry_run()
    starting = [machine for machine in asked if machine.state == "stopped"]
    limits.require_room(call, starting)
    capacity.require_places(call, starting)

    def act(machine: Machine) -> None:
        if machine.state == "stopped":
            machine.user_data = decoded_user_data(machine.instance)
            machines(call.world).start(machine)

    return {"StartingInstances": _changes(asked, act)}


@operation("StopInstances")
def stop_instances(call: Call) -> object:
    """Stop what runs; a one-time spot instance cannot be stopped by its user."""
    asked = _asked(call)
    for machine in asked:
        if machine.state in ("pending", "shutting-down", "terminated"):
            raise _wrong_state(machine, "stopped")
        if machine.one_time:
            raise Refusal(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{machine.id}' because it is associated with a one-time Spot "
                "Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
            )
        if machine.instance.disable_api_stop:
            raise Refusal("OperationNotPermitted", f"The instance '{machine.id}' may not be stopped (disableApiStop).")
    call.end_dry_run()

    def act(machine: Machine) -> None:
        if machine.state == "running":
            machines(call.world).stop(machine)

    return {"StoppingInstances": _changes(asked, act)}


@operation("TerminateInstances")
def terminate_instances(call: Call) -> object:
    """Terminate; twice is no error. A protected one refuses the call, and only other zones' instances end with it."""
    asked = _asked(call)
    protected = [machine for machine in asked if machine.instance.disable_api_termination]
    call.end_dry_run()

    def act(machine: Machine) -> None:
        if machine.state not in ("shutting-down", "terminated"):
            machines(call.world).terminate(machine)

    spared = {machine.instance.placement.zone for machine in protected}
    changes = _changes([machine for machine in asked if machine.instance.placement.zone not in spared], act)
    if protected:
        raise Refusal(
            "OperationNotPermitted",
            f"The instance '{protected[0].id}' may not be terminated. Modify its 'disableApiTermination' instance "
            "attribute and try again.",
        )
    return {"TerminatingInstances": changes}


def _changes(asked: list[Machine], act: Callable[[Machine], None]) -> list[dict[str, Any]]:
    rows = []
    for machine in asked:
        before = machine.state
        act(machine)
        rows.append({"InstanceId": machine.id, "PreviousState": _state(before), "CurrentState": _state(machine.state)})
    return rows


@operation("RebootInstances")
def reboot_instances(call: Call) -> object:
    """Reboot what runs."""
    asked = _asked(call)
    for machine in asked:
        if machine.state != "running":
            raise _wrong_state(machine, "rebooted")
    call.end_dry_run()
    for machine in asked:
        machines(call.world).reboot(machine)
    return None


@operation("GetConsoleOutput")
def get_console_output(call: Call) -> object:
    """Return the host's console, with its host keys between cloud-init's markers (moto: a canned log)."""
    from datetime import UTC, datetime

    from moto.core.types import Base64EncodedString

    machine = known(call, call.get("InstanceId"))
    call.end_dry_run()
    text = (
        call.world.fleet.console(machine.id) if machine.state in ("pending", "running", "stopping", "stopped") else ""
    )
    return {
        "InstanceId": machine.id,
        "Timestamp": datetime.now(UTC),
        "Output": Base64EncodedString.from_raw_string(text[-65536:]),
    }


@operation("ModifyInstanceAttribute")
def modify_instance_attribute(call: Call) -> object:
    """Change an attribute; type and user data only while stopped."""
    machine = known(call, call.get("InstanceId"))
    attribute, value = call.get("Attribute"), call.get("Value")
    itype = call.get("InstanceType.Value") or (value if attribute == "instanceType" else None)
    user_data = call.get("UserData.Value")
    if (itype or user_data is not None) and machine.state != "stopped":
        raise Refusal("IncorrectInstanceState", f"The instance '{machine.id}' is not in the 'stopped' state.")
    behaviour = call.get("InstanceInitiatedShutdownBehavior.Value")
    behaviour = behaviour or (value if attribute == "instanceInitiatedShutdownBehavior" else None)
    if itype:
        _require_type(call, machine, itype)
    call.end_dry_run()
    if behaviour:  # moto does not implement this attribute
        machine.instance.instance_initiated_shutdown_behavior = behaviour
        return None
    if attribute == "instanceType" and itype:
        machine.instance.instance_type = itype
        return None
    return call.moto()


def _require_type(call: Call, machine: Machine, itype: str) -> None:
    facts = offerings.facts(itype)
    if facts is None:
        raise Refusal("InvalidInstanceAttributeValue", f"Invalid value '{itype}' for InstanceType.")
    if machine.instance.architecture not in facts["ProcessorInfo"]["SupportedArchitectures"]:
        raise Refusal(
            "InvalidParameterCombination", f"The instance type {itype} has another architecture than its image."
        )
    placement.require_offered(call, itype, machine.instance.placement.zone)
