"""The ways in: this owner's key pair and security group, made when they are missing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import BadValue
from jupyter_awsgpu.model import SCHEMA_VERSION
from jupyter_awsgpu.records.cache import DAY_S
from jupyter_awsgpu.records.keys import public_line_of

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Identity, Instance, Wishes
    from jupyter_awsgpu.records import Step
    from jupyter_awsgpu.verbs.workbench import Workbench

TAG = "jupyter-awsgpu:"

OWNER_FACT = "owner"
"""Under this key the cache remembers whom AWS took us for at the last launch."""


@dataclass(frozen=True, slots=True)
class Access:
    """The key pair and the security groups an instance is launched with."""

    key_name: str
    group_ids: tuple[str, ...]


def short_owner(owner: str) -> str:
    """Return the owner's last part, fit for the names of key pairs and groups.

    >>> short_owner("123456789012/role/Data Science")
    'Data-Science'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", owner.rpartition("/")[2])[:40] or "owner"


def resource_tags(identity: Identity, **more: str) -> dict[str, str]:
    """Return the tags every resource of ours carries from the call that creates it."""
    tags = {f"{TAG}owner": identity.owner, f"{TAG}schema": str(SCHEMA_VERSION)}
    return tags | {f"{TAG}{key.replace('_', '-')}": value for key, value in more.items()}


def key_pair_name(bench: Workbench, owner: str) -> str:
    """Return the name of this data folder's own key pair."""
    return f"awsgpu-{short_owner(owner)}-{bench.records.client_id}"


def group_name(owner: str) -> str:
    """Return the name of the owner's security group (one a VPC)."""
    return f"awsgpu-{short_owner(owner)}"


def presumed_owner(bench: Workbench) -> str:
    """Return whom AWS took us for at the last launch, to ask by while it is asked again; without one, ask now."""
    known = bench.clouds.cache.get(OWNER_FACT, DAY_S)
    return known if isinstance(known, str) else bench.clouds.identity().owner


def look_ahead(bench: Workbench, wishes: Wishes) -> tuple[bool, bool]:
    """Ask for key pair and group, as far as a launch will want ours, and say whether they are there already.

    Owner is whom AWS took us for last time: that saves a launch the round trip of asking who we are
    first. Read-only, and of no effect if it is somebody else this time. Raises `BadValue` for an `allow_from`
    that says nobody: here nothing has been made yet.
    """
    cloud = bench.cloud(wishes.region)
    if not _named_blocks(bench):
        bench.clouds.look_up_address()
    owner = presumed_owner(bench)
    return cloud.look_ahead(owner=owner, key_name=_key_name(bench, owner, wishes), group_name=group_name(owner))


def _key_name(bench: Workbench, owner: str, wishes: Wishes) -> str:
    if wishes.key_file is None:
        return key_pair_name(bench, owner)
    line = public_line_of(bench.records.keys.require(wishes.key_file))
    return f"awsgpu-own-{hashlib.sha256(line.encode()).hexdigest()[:12]}"


def ensure_access(
    bench: Workbench, cloud: Cloud, identity: Identity, wishes: Wishes, vpc_id: str | None = None
) -> Access:
    """Find or make the key pair and the group (in a VPC, the default one where none is named), both at once."""
    bench.clouds.cache.put(OWNER_FACT, identity.owner)
    with parallel(2) as pool:
        key = pool.submit(_ensure_key_pair, bench, cloud, identity, wishes)
        group = pool.submit(_ensure_group, bench, cloud, identity, wishes, vpc_id)
        return Access(key.result(), (group.result(),))


def _ensure_key_pair(bench: Workbench, cloud: Cloud, identity: Identity, wishes: Wishes) -> str:
    name = _key_name(bench, identity.owner, wishes)
    own = bench.records.keys
    line = own.public_line(name) if wishes.key_file is None else public_line_of(own.require(wishes.key_file))
    return cloud.ensure_key_pair(name, line, {"Name": name, **resource_tags(identity)})


def _ensure_group(bench: Workbench, cloud: Cloud, identity: Identity, wishes: Wishes, vpc_id: str | None) -> str:
    if wishes.security_group is not None:
        return wishes.security_group
    name = group_name(identity.owner)
    return cloud.ensure_security_group(
        name,
        {"Name": name, **resource_tags(identity)},
        vpc_id=vpc_id,
        allow_from=allowed_blocks(bench),
        client_id=bench.records.client_id,
        ssh_port=22,
    )


def tell_access(step: Step, bench: Workbench, wishes: Wishes, access: Access) -> None:
    """Say which key logs in, and from where: a group of the person's own has rules that are theirs alone."""
    blocks = ", ".join(_named_blocks(bench))
    step.say(
        f"Key {access.key_name}; SSH as the security group {wishes.security_group} allows it"
        if wishes.security_group is not None
        else f"Key {access.key_name}; SSH from {blocks} only"
        if blocks
        else f"Key {access.key_name}; SSH from this machine's address only"
    )


def allowed_blocks(bench: Workbench) -> tuple[str, ...]:
    """Return the CIDR blocks that may reach SSH: the setting's, or this machine's own address alone."""
    return _named_blocks(bench) or (f"{bench.clouds.caller_address()}/32",)


def _named_blocks(bench: Workbench) -> tuple[str, ...]:
    """Return the blocks that the setting names, none where it is empty. Raises `BadValue`."""
    import ipaddress

    text = str(bench.settings.allow_from)
    if not text.strip():
        return ()
    try:
        return tuple(str(ipaddress.ip_network(part.strip())) for part in text.split(","))
    except ValueError as exc:
        raise BadValue(option="allow_from", value=text, expected="it takes CIDR blocks such as 203.0.113.7/32") from exc


def renew_ingress(bench: Workbench, instance: Instance) -> None:
    """Let this machine's present address reach the instance, where the group is ours to change."""
    identity = bench.clouds.identity()
    cloud = bench.cloud(instance.region)
    cloud.renew_ingress(
        instance.security_groups,
        owner=identity.owner,
        allow_from=allowed_blocks(bench),
        client_id=bench.records.client_id,
        ssh_port=22,
    )
