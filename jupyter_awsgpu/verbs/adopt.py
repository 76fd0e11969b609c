"""`adopt`: an instance that another tool launched becomes one to connect to, verified, with Jupyter on it.

Its host key comes from the console, which EC2 answers for, or from the person; from nowhere else. It
is used as any other from then on, but `cleanup` never lists it, its host keys are left alone, and it
stops by itself only where the person asks for that.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_awsgpu._version import __version__
from jupyter_awsgpu.errors import (
    BadName,
    BadValue,
    HostKeyNotShown,
    HostKeyWrong,
    ImageNotFound,
    OtherOwner,
    UsageError,
)
from jupyter_awsgpu.host import console_host_keys, normal_line
from jupyter_awsgpu.model import ADOPTED, DEFAULT_NAME, Endpoint
from jupyter_awsgpu.records import JournalEntry
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.remote.user_data import GuestConfig
from jupyter_awsgpu.verbs.access import resource_tags
from jupyter_awsgpu.verbs.arrival import Way, arrive
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.mirrors import guest_settings
from jupyter_awsgpu.verbs.selection import find, with_tunnel
from jupyter_awsgpu.verbs.wishes import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Identity, Instance
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

REACH_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a person says of the instance. `host_key` is an OpenSSH public line; no limit unless asked for."""

    instance_id: str
    key_file: Path
    host_key: str | None = None
    name: str | None = None
    user: str | None = None
    idle_stop_minutes: int | None = None
    max_hours: float | None = None


def adopt(bench: Workbench, wish: Adoption, *, port: int | None = None, open_browser: bool = False) -> Instance:
    """Take the running instance in and return it with its tunnel open; run again, it goes on.

    Nothing is written on it or at AWS before its host key is verified. Raises `HostKeyNotShown` without a
    key to verify by, `HostKeyWrong`, `OtherOwner`, `WrongState`, and the errors of the way in.
    """
    wish = replace(wish, key_file=bench.records.keys.require(wish.key_file.expanduser().resolve()))
    identity, cloud = bench.clouds.identity(), bench.cloud()
    instance = cloud.instance(wish.instance_id)
    _require_adoptable(instance, identity)
    require_running(instance, "be adopted")
    instance = _named(bench, cloud, instance, wish)
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("adopt", instance.name, bench.listener) as operation,
    ):
        instance = _take_in(bench, identity, instance, wish, operation)
        way = Way(port or bench.settings.local_port, open_browser=open_browser)
        return arrive(bench, instance, operation, way, booting=False)


def _require_adoptable(instance: Instance, identity: Identity) -> None:
    if instance.owner and instance.owner != identity.owner:
        raise OtherOwner(name=instance.name, owner=instance.owner)
    if instance.owner and not instance.adopted:
        raise UsageError(f"{instance.name} was launched by awsgpu: connect opens the way to it.", verb="connect")


def _named(bench: Workbench, cloud: Cloud, instance: Instance, wish: Adoption) -> Instance:
    """Fill in what its tags will say: name, launch id, user. An adopted one keeps what it has."""
    name = wish.name or (instance.name if instance.adopted else _own_name(instance))
    if not NAME.fullmatch(name):
        raise BadName(value=repr(name), verb="adopt")
    for one in find(bench):
        if one.state.alive and one.name == name and one.instance_id != instance.instance_id:
            raise BadValue(option="--name", value=name, expected="another of your instances has it", verb="adopt")
    user = wish.user or (instance.ssh_user if instance.adopted else _user(cloud, instance))
    return replace(instance, name=name, ssh_user=user, launch_id=instance.launch_id or f"l-{secrets.token_hex(8)}")


def _own_name(instance: Instance) -> str:
    """Return the name its owner gave it in EC2's `Name` tag, if it can be one here."""
    name = dict(instance.tags).get("Name", "")
    return name if NAME.fullmatch(name) else DEFAULT_NAME


def _user(cloud: Cloud, instance: Instance) -> str:
    try:
        return cloud.image_of(instance).user
    except ImageNotFound:
        return instance.ssh_user


def _take_in(
    bench: Workbench, identity: Identity, instance: Instance, wish: Adoption, operation: Operation
) -> Instance:
    with operation.step(
        "ssh", f"Verifying who answers at {instance.public_address or instance.private_address}"
    ) as step:
        host = _verified(bench, instance, wish)
        step.say(f"It shows the host key expected: {host.host_key}")
    with host:
        with operation.step("tags", "Tagging it as adopted"):
            cloud = bench.cloud(instance.region)
            if wish.idle_stop_minutes or wish.max_hours:
                cloud.set_shutdown_behaviour(instance.instance_id, "stop")  # a stop must not terminate it
            tags = _tags(identity, cloud, instance)
            if not tags.items() <= dict(instance.tags).items():
                cloud.tag(instance.instance_id, tags)
            _remember(bench, identity, instance, wish)
        with operation.step("program", "Bringing the guest program") as step:
            guest.install(host, _config(bench, instance, wish))
            step.say(_when_it_stops(wish))
    return with_tunnel(bench, cloud.instance(instance.instance_id))


def _verified(bench: Workbench, instance: Instance, wish: Adoption) -> Host:
    """Connect, accepting the key that was given, else the one pinned before, else the console's."""
    pins, before = bench.records.pins, bench.records.pins.read(instance.launch_id)
    keys = _given(wish) or before or _of_console(bench, instance, wish)
    pins.write(instance.launch_id, keys)
    target = Endpoint(
        instance_id=instance.instance_id,
        address=instance.public_address or instance.private_address or "",
        port=instance.ssh_port,
        user=instance.ssh_user,
        key_file=wish.key_file,
    )
    try:
        return bench.hosts.connect(target, launch_id=instance.launch_id, name=instance.name, timeout_s=REACH_WITHIN_S)
    except BaseException as exc:
        if before and isinstance(exc, HostKeyWrong):
            pins.write(instance.launch_id, before)
        elif not before:
            pins.forget(instance.launch_id)
        raise


def _given(wish: Adoption) -> tuple[str, ...]:
    if wish.host_key is None:
        return ()
    try:
        return (normal_line(wish.host_key),)
    except ValueError as exc:
        expected = "it takes a line such as 'ssh-ed25519 AAAA…'"
        raise BadValue(option="--host-key", value=repr(wish.host_key), expected=expected, verb="adopt") from exc


def _of_console(bench: Workbench, instance: Instance, wish: Adoption) -> tuple[str, ...]:
    keys = console_host_keys(bench.cloud(instance.region).console_output(instance.instance_id))
    if not keys:
        raise HostKeyNotShown(name=instance.instance_id, key_file=wish.key_file)
    return keys[:1]


def _tags(identity: Identity, cloud: Cloud, instance: Instance) -> dict[str, str]:
    price = cloud.price(instance.instance_type) if not instance.spot else None
    more = {"price": f"{price.per_hour:g} {price.currency}"} if price else {}
    tags = resource_tags(
        identity,
        name=instance.name,
        launch_id=instance.launch_id,
        user=instance.ssh_user,
        version=__version__,
        **more,
    )
    return {**tags, ADOPTED: "1"}


def _remember(bench: Workbench, identity: Identity, instance: Instance, wish: Adoption) -> None:
    """Keep which key opens it, and that it is in use here."""
    entry = JournalEntry(
        launch_id=instance.launch_id,
        name=instance.name,
        owner=identity.owner,
        region=instance.region,
        written=bench.now(),
        instance_ids=(instance.instance_id,),
        wishes={"name": instance.name, "key_file": str(wish.key_file), "adopted": True},
    )
    bench.records.journal.write(entry)


def _config(bench: Workbench, instance: Instance, wish: Adoption) -> GuestConfig:
    return GuestConfig(
        name=instance.name,
        launch_id=instance.launch_id,
        instance_user=instance.ssh_user,
        idle_stop_minutes=wish.idle_stop_minutes or None,
        max_hours=wish.max_hours or None,
        price_per_hour=instance.price_per_hour,
        version=__version__,
        **guest_settings(bench.settings),
    )


def _when_it_stops(wish: Adoption) -> str:
    limits = [f"after {wish.idle_stop_minutes} idle minutes"] if wish.idle_stop_minutes else []
    limits += [f"after {wish.max_hours:g} h in any case"] if wish.max_hours else []
    if limits:
        return f"It stops itself {' and '.join(limits)}"
    return "It never stops by itself: --idle-stop and --max-hours set limits"
