"""`plan`: what a launch would do, what it would cost, and whether it can. Read-only.

Each check asks one question and answers with a sentence, or raises the very error `launch` would
meet; the error's own remedy stands beside the ✗. What could not be asked (no credentials, no
permission to look) is said to be unknown and stands in nobody's way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import (
    AwsGpuError,
    AwsUnreachable,
    CredentialsError,
    ImageNotFound,
    OtherWishes,
)
from jupyter_awsgpu.model import Check, Image, InstanceType, Plan, Wishes
from jupyter_awsgpu.tunnel import ports
from jupyter_awsgpu.verbs.access import look_ahead
from jupyter_awsgpu.verbs.choice import (
    disk_for,
    highest,
    require_countable,
    require_driver,
    require_paid_plan,
    zones_to_try,
)
from jupyter_awsgpu.verbs.data import data_volumes, dollars, foreseen, present
from jupyter_awsgpu.verbs.estimate import disk_per_month, image_per_month, minutes_to_ready, notes
from jupyter_awsgpu.verbs.image_here import lies_elsewhere, per_month_of_copy
from jupyter_awsgpu.verbs.preflight import find_network, require_permissions, require_room, zone_of_subnet
from jupyter_awsgpu.verbs.wishes import options, remedies_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.verbs.workbench import Workbench

T = TypeVar("T")


def plan(bench: Workbench, wishes: Wishes) -> Plan:
    """Return the plan for these wishes: checks, choice, prices.

    Raises only what makes the question itself meaningless: `UnknownType`, `UnknownRegion`, bad
    values. Makes no mutating call except with DryRun.
    """
    cloud = bench.somewhere(wishes.region)
    itype = cloud.instance_type(wishes.instance_type)
    inquiry = _Inquiry(bench, cloud, wishes, itype)
    with parallel(8) as pool:
        image = pool.submit(_answer_or_none, lambda: cloud.image(wishes.image, itype))
        price = pool.submit(_answer_or_none, lambda: cloud.price(itype.name))
        spot = pool.submit(_answer_or_none, lambda: cloud.spot_price(itype.name, wishes.zone))
        zones = pool.submit(_answer_or_none, lambda: cloud.zones_offering(itype.name))
        inquiry.image = image.result()
        checks = list(pool.map(lambda question: question(), inquiry.questions()))
    disk = max(wishes.disk_gb or int(bench.settings.disk_gb), inquiry.image.root_gb if inquiry.image else 0)
    return Plan(
        wishes=wishes,
        region=cloud.region,
        checks=tuple(checks),
        instance_type=itype,
        image=inquiry.image,
        zones=zones.result() or (),
        price=price.result(),
        spot_price=spot.result(),
        disk_gb=disk,
        disk_per_month=disk_per_month(cloud, disk),
        address_per_hour=cloud.address_price(),
        minutes_to_ready=minutes_to_ready(itype, inquiry.image),
        notes=notes(
            itype,
            replace(wishes, disk_gb=disk),
            highest(wishes, spot.result(), price.result()),
            inquiry.image,
            image_month=image_per_month(cloud, disk),
            currency=cloud.currency,
        ),
        demo=bench.demo,
    )


def _answer_or_none(ask: Callable[[], T]) -> T | None:
    """Ask something the checks ask again and judge: here a refusal only leaves a gap."""
    try:
        return ask()
    except AwsGpuError:
        return None


@dataclass
class _Inquiry:
    """The questions of one preflight, over the facts they share."""

    bench: Workbench
    cloud: Cloud
    wishes: Wishes
    itype: InstanceType
    image: Image | None = None

    def questions(self) -> list[Callable[[], Check]]:
        """Return the checks in the order a person reads them."""
        return [
            self._question("credentials", "AWS credentials", self._credentials),
            self._question("region", "AWS region", self._region),
            self._question("account-plan", "Account may launch it", self._account_plan),
            self._question("permissions", "Permissions", self._permissions),
            self._question("offered", "Type offered", self._offered),
            self._question("quota", "Quota", self._quota),
            self._question("network", "Network", self._network),
            self._question("image", "Image", self._image),
            self._question("driver", "GPU driver and CUDA", self._driver),
            self._question("disk", "Disk", self._disk),
            *([self._question("data", "Data volume", self._data)] if self.wishes.data_gb else []),
            *([self._question("budget", "Budget", self._budget)] if self.wishes.budget else []),
            self._question("name", "Name", self._name),
            self._question("port", "Local port", self._port),
        ]

    def _question(self, key: str, label: str, ask: Callable[[], str | None]) -> Callable[[], Check]:
        def answer() -> Check:
            try:
                with remedies_of(self.wishes):
                    detail = ask()
            except (CredentialsError, AwsUnreachable) as exc:
                if key in ("credentials", "region"):
                    return Check(key, label, ok=False, detail=exc.message, remedy=exc.remedy, error=exc.code)
                return Check(key, label, ok=None, detail="could not be asked")
            except AwsGpuError as exc:
                return Check(key, label, ok=False, detail=exc.message, remedy=exc.remedy, error=exc.code)
            return Check(key, label, ok=None if detail is None else True, detail=detail or "could not be asked")

        return answer

    def _credentials(self) -> str:
        identity = self.bench.clouds.identity()
        return f"account {identity.account}, {identity.owner.partition('/')[2]}"

    def _region(self) -> str:
        return self.wishes.region or self.bench.clouds.default_region

    def _account_plan(self) -> str | None:
        require_paid_plan(self.bench, self.itype)
        state = self.bench.clouds.account_plan()
        return None if state == "unknown" else f"{state} plan"

    def _permissions(self) -> str | None:
        if self.image is None:
            return None
        there = require_permissions(
            self.bench, self.cloud, self.wishes, self.image, lambda: look_ahead(self.bench, self.wishes)
        )
        missing = [what for what, present in zip(("a key pair", "a group"), there, strict=True) if not present]
        return "may launch" + (f", and make {' and '.join(missing)}" if missing else "")

    def _offered(self) -> str:
        self.cloud.require_offered(self.itype.name)
        try:
            zones = self.cloud.zones_offering(self.itype.name)
        except (CredentialsError, AwsUnreachable):
            return f"in {self.cloud.region}, says the catalogue; in which zones could not be asked"
        return "in " + ", ".join(zones_to_try(self.cloud, self.itype.name, self.wishes.zone, zones))

    def _quota(self) -> str | None:
        spot = self.wishes.spot == "yes"
        quota = self.cloud.quota(self.itype, spot=spot)
        if quota is None:
            return None
        require_room(self.cloud, self.itype, quota, spot=spot, count=self.wishes.nodes)
        return f"{quota.free:g} of {quota.limit:g} vCPUs free, {self.itype.vcpus * self.wishes.nodes} needed"

    def _network(self) -> str:
        vpc_id, zone = find_network(self.bench, replace(self.wishes, region=self.cloud.region))
        if zone is None:
            return f"default VPC {vpc_id}"
        offering = self.cloud.zones_offering(self.itype.name)
        zone_of_subnet(self.wishes, zones_to_try(self.cloud, self.itype.name, self.wishes.zone, offering), zone)
        return f"subnet {self.wishes.subnet} of {vpc_id}, in {zone}"

    def _image(self) -> str:
        try:
            image = self.cloud.image(self.wishes.image, self.itype)
        except ImageNotFound:
            source = lies_elsewhere(self.bench, self.wishes)
            if source is None:
                raise
            month = dollars(per_month_of_copy(self.cloud, source))
            return f"{source.name} lies in {source.region}; launch copies it here, for {month} at most"
        return f"{image.name} ({image.root_gb} GB, user {image.user})"

    def _driver(self) -> str | None:
        if self.image is None:
            return None
        return require_driver(self.itype, self.image, self.wishes)

    def _disk(self) -> str | None:
        if self.image is None:
            return None
        return f"{disk_for(self.bench, self.wishes, self.image)} GB, encrypted"

    def _data(self) -> str:
        owner = self.bench.clouds.identity().owner
        found = present(data_volumes(self.cloud, owner, self.wishes.name))
        zones = zones_to_try(self.cloud, self.itype.name, self.wishes.zone, self.cloud.zones_offering(self.itype.name))
        return foreseen(self.cloud, self.wishes, found, zones)

    def _budget(self) -> str:
        wishes, name = self.wishes, self.itype.name
        spot = self.cloud.spot_price(name, wishes.zone) if wishes.spot != "no" else None
        require_countable(self.cloud, wishes, spot, self.cloud.price(name))
        return f"${wishes.budget:g} of instance, disks and address"

    def _name(self) -> str:
        owner = self.bench.clouds.identity().owner
        for one in self.cloud.instances(owner=owner, name=self.wishes.name):
            if one.state.alive and one.instance_type != self.itype.name:
                raise OtherWishes(
                    name=one.name,
                    difference=f"it is a {one.instance_type}",
                    command=f"awsgpu launch {self.itype.name}{options(self.wishes, ('name',))}",
                )
            if one.state.alive:
                return f"{one.name} exists ({one.state}); launch continues it"
        return f"{self.wishes.name} is free"

    def _port(self) -> str:
        port = self.wishes.local_port
        if any(one.local_port == port and one.name == self.wishes.name for one in self.bench.tunnels.all()):
            return f"{port} is our own tunnel's"
        if ports.is_free(ports.LOOPBACK, port):
            return f"{port} is free"
        return f"{port} is taken; the tunnel takes the next free one"
