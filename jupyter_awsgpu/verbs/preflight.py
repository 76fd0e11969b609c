"""The preflight: what a launch would meet, asked before anything is made. Read-only but for DryRun.

`plan` shows every answer; `launch` begins with the same questions and goes on only if none of them is a
refusal. A launch may take facts that are a day old where RunInstances itself refuses safely.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import (
    AwsError,
    AwsGpuError,
    CredentialsError,
    NoSubnet,
    PlanRefused,
    QuotaTooLow,
    SpotQuotaTooLow,
    TypeNotOffered,
    UsageError,
)
from jupyter_awsgpu.model import Image
from jupyter_awsgpu.records.cache import DAY_S
from jupyter_awsgpu.verbs.access import look_ahead, resource_tags
from jupyter_awsgpu.verbs.choice import decide, require_paid_plan
from jupyter_awsgpu.verbs.wishes import options

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import InstanceType, Quota, Wishes
    from jupyter_awsgpu.verbs.choice import Choice
    from jupyter_awsgpu.verbs.workbench import Workbench

ALONE = (UsageError, CredentialsError, AwsError, TypeNotOffered)
"""Refusals beside which no other says anything: the question itself is off, or nobody answers it."""


def cleared(bench: Workbench, wishes: Wishes) -> Choice:
    """Return the choice that nothing foreseeable refuses; nothing has been made by then.

    Asks everything at once. Raises the refusal of the one check that fails, or `PlanRefused` for several.
    """
    with parallel(6) as pool:
        access = pool.submit(look_ahead, bench, wishes)
        choice = pool.submit(decide, bench, wishes)
        checks: list[Future[Any]] = [
            choice,
            pool.submit(_paid_plan, bench, wishes),
            pool.submit(_permitted, bench, wishes, choice, access),
            pool.submit(_room, bench, wishes),
            network := pool.submit(find_network, bench, wishes),
            access,
        ]
        refused = [error for error in map(_refusal, checks) if error is not None]
    if refused:
        raise _one_of(refused, wishes)
    vpc_id, zone = network.result()
    found = choice.result()
    if zone is None:  # the default network, which may have been replaced since: left to the group to find
        return found
    return replace(found, vpc_id=vpc_id, zones=zone_of_subnet(wishes, found.zones, zone))


def zone_of_subnet(wishes: Wishes, zones: tuple[str, ...], zone: str) -> tuple[str]:
    """Return the named subnet's zone, the only one to try; raise `NoSubnet` where no launch can be in it."""
    if zone in zones:
        return (zone,)
    why = f"it is in {zone}, " + (f"not in {wishes.zone}" if wishes.zone else f"without {wishes.instance_type}")
    raise NoSubnet(subnet=wishes.subnet, why=why, instance_type=wishes.instance_type)


def _refusal(check: Future[Any]) -> AwsGpuError | None:
    error = check.exception()
    if error is None or isinstance(error, AwsGpuError):
        return error
    raise error


def _one_of(refused: list[AwsGpuError], wishes: Wishes) -> AwsGpuError:
    """Return the refusal that stands alone, or one for all of them."""
    for one in refused:
        if isinstance(one, ALONE):
            return one
    different = list({one.message: one for one in refused}.values())
    if len(different) == 1:
        return different[0]
    command = f"awsgpu plan {wishes.instance_type}{options(wishes)}"
    return PlanRefused(
        count=len(different), first=different[0].message, instance_type=wishes.instance_type, command=command
    )


# ── the questions ────────────────────────────────────────────────────────────────────────────


def _paid_plan(bench: Workbench, wishes: Wishes) -> None:
    state = bench.clouds.account_plan()  # asked beside the type, not after it
    if state == "free":
        require_paid_plan(bench, bench.cloud(wishes.region).instance_type(wishes.instance_type))


def _room(bench: Workbench, wishes: Wishes) -> None:
    """Ask for limit and use by what the catalogue says of the type, while AWS is asked for the type itself."""
    cloud, spot = bench.cloud(wishes.region), wishes.spot == "yes"
    with parallel(1) as pool:
        asked = pool.submit(cloud.instance_type, wishes.instance_type)
        itype = catalogue.instance_type(wishes.instance_type) or asked.result()
        quota = cloud.room(itype, spot=spot, count=wishes.nodes)
        require_room(cloud, asked.result(), quota, spot=spot, count=wishes.nodes)


def require_room(
    cloud: Cloud, itype: InstanceType, quota: Quota | None, *, spot: bool = False, given_back: int = 0, count: int = 1
) -> None:
    """Raise `QuotaTooLow` or `SpotQuotaTooLow` unless `count` more instances fit, as far as could be asked.

    `given_back`: vCPUs of the same limit that become free on the way.
    """
    if quota is None or itype.vcpus * count <= quota.free + given_back:
        return
    kind = SpotQuotaTooLow if spot else QuotaTooLow
    raise kind(
        family=quota.label,
        limit=f"{quota.limit:g}",
        used=f"{quota.used:g}",
        needed=f"{quota.used - given_back + itype.vcpus * count:g}",
        region=cloud.region,
        instance_type=itype.name,
    )


def find_network(bench: Workbench, wishes: Wishes) -> tuple[str, str | None]:
    """Return the VPC of a launch, and the zone where a named subnet binds it to one.

    Raises `NoDefaultVpc`, `NoSubnet`, `GroupMissing`.
    """
    cloud = bench.cloud(wishes.region)
    if wishes.subnet is not None:
        subnet = cloud.subnet(wishes.subnet)
        vpc_id, zone = subnet.vpc_id, subnet.zone
    else:
        vpc_id, zone = cloud.default_vpc(bench.clouds.identity().account), None
    if wishes.security_group is not None:
        cloud.require_group(wishes.security_group, vpc_id)
    return vpc_id, zone


def _permitted(bench: Workbench, wishes: Wishes, choice: Future[Choice], access: Future[tuple[bool, bool]]) -> None:
    """Ask for permission once a day and identity: what has been withdrawn since, the real calls refuse."""
    cloud, owner = bench.cloud(wishes.region), bench.clouds.identity().owner
    fact = _permission(cloud, owner)
    if bench.clouds.cache.get(fact, DAY_S):
        return
    image = _image_ahead(cloud, wishes)
    if image is None:
        if choice.exception() is not None:
            return
        image = choice.result().image
    require_permissions(bench, cloud, wishes, image, access.result)
    bench.clouds.cache.put(fact, value=True)


def _image_ahead(cloud: Cloud, wishes: Wishes) -> Image | None:
    """Return what a permission can be asked with before the image is described: its id, and a root as they all have."""
    shipped = catalogue.instance_type(wishes.instance_type)
    with suppress(AwsGpuError):
        image_id = None if shipped is None else cloud.public_image_id(wishes.image, shipped)
        if image_id:
            return Image(image_id, "", cloud.region, "ubuntu", user="ubuntu", root_device="/dev/sda1", root_gb=100)
    return None


def _permission(cloud: Cloud, owner: str) -> str:
    """Name the fact that this principal may launch in a region."""
    return f"may launch/{owner}/{cloud.region}"


def forget_permission(bench: Workbench, cloud: Cloud, owner: str) -> None:
    """Take a permission for unknown where AWS has just denied the real call."""
    bench.clouds.cache.put(_permission(cloud, owner), None)


def require_permissions(
    bench: Workbench, cloud: Cloud, wishes: Wishes, image: Image, there: Callable[[], tuple[bool, bool]]
) -> tuple[bool, bool]:
    """Raise `PermissionDenied` unless a launch, and the making of what is not there yet, would be allowed.

    `there` tells whether key pair and group exist, and is returned. Asked as the launch itself will ask.
    """
    tags = resource_tags(bench.clouds.identity(), name=wishes.name)
    request = cloud.launch_request(
        wishes=wishes,
        image=image,
        zone=None,
        key_name="",
        group_ids=(),
        user_data=b"",
        client_token="",
        tags=tags,
    )
    denied, (key_pair, group) = cloud.denials(request, tags), there()
    wanted = ("launch", "" if key_pair else "key pair", "" if group or wishes.security_group else "group")
    for what in wanted:
        if what in denied:
            raise denied[what]
    return key_pair, group
