"""From wishes to one concrete choice: type, image, zones, disk, price. Read-only, and cached a day."""

from __future__ import annotations

import difflib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.drivers import fit
from jupyter_awsgpu.errors import (
    AwsGpuError,
    DiskTooSmall,
    DriverUnfit,
    FreePlan,
    NeedsYes,
    PriceUnknown,
    UnknownZone,
    ZoneNotOffered,
)
from jupyter_awsgpu.verbs.estimate import billed_apart
from jupyter_awsgpu.verbs.wishes import options

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Image, InstanceType, Price, Wishes
    from jupyter_awsgpu.verbs.workbench import Workbench


@dataclass(frozen=True)
class Choice:
    """What a launch will ask for. `zones` are in the order they will be tried; sizes in GB.

    `vpc_id` is the network it will be in, where that is known.
    """

    cloud: Cloud
    wishes: Wishes
    instance_type: InstanceType
    image: Image
    zones: tuple[str, ...]
    disk_gb: int
    price: Price | None
    spot_price: Price | None
    vpc_id: str | None = None

    @property
    def paid(self) -> Price | None:
        """The price an hour that will be paid, as far as it is known."""
        if self.wishes.spot != "no" and self.spot_price is not None:
            return self.spot_price
        return self.price


def decide(bench: Workbench, wishes: Wishes) -> Choice:
    """Resolve wishes to one choice, or raise the first reason why there is none.

    Raises `UnknownType`, `TypeNotOffered`, `ZoneNotOffered`, `UnknownZone`, `ImageNotFound`,
    `ImageUnsuitable`, `DriverUnfit`, `DiskTooSmall`, `PriceUnknown`.
    """
    cloud, name = bench.cloud(wishes.region), wishes.instance_type
    with parallel(7) as pool:
        pool.submit(_image_ahead, cloud, wishes)
        pool.submit(cloud.disk_price)  # for the cost in all: remembered, and asked now rather than before the launch
        offered = pool.submit(cloud.require_offered, name)
        zones = pool.submit(cloud.zones_offering, name)
        price = pool.submit(cloud.price, name)
        spot = pool.submit(cloud.spot_price, name, wishes.zone) if wishes.spot != "no" else None
        itype = cloud.instance_type(name)
        offered.result()
        require_countable(cloud, wishes, spot.result() if spot else None, price.result())
        chosen = cloud.image(wishes.image, itype)
        require_driver(itype, chosen, wishes)
        return Choice(
            cloud=cloud,
            wishes=wishes,
            instance_type=itype,
            image=chosen,
            zones=zones_to_try(cloud, itype.name, wishes.zone, zones.result()),
            disk_gb=disk_for(bench, wishes, chosen),
            price=price.result(),
            spot_price=spot.result() if spot else None,
        )


def _image_ahead(cloud: Cloud, wishes: Wishes) -> None:
    """Look the image up by what the catalogue says of the type, while AWS is asked for the type itself."""
    shipped = catalogue.instance_type(wishes.instance_type)
    if shipped is not None:
        with suppress(AwsGpuError):  # what it means for the launch is said where it is asked in earnest
            cloud.image(wishes.image, shipped)


def zones_to_try(cloud: Cloud, type_name: str, wished: str | None, offering: tuple[str, ...]) -> tuple[str, ...]:
    """Return the wished zone alone, or every zone that offers the type, in order."""
    if wished is None:
        return offering
    if wished in offering:
        return (wished,)
    zones = cloud.zones()
    if wished not in zones:
        raise _unknown_zone(cloud, type_name, wished, offering or zones)
    raise ZoneNotOffered(instance_type=type_name, zone=wished, zones=", ".join(offering))


def _unknown_zone(cloud: Cloud, type_name: str, wished: str, zones: tuple[str, ...]) -> UnknownZone:
    """Name the zone that was meant: another region's, or the likest one here."""
    elsewhere = wished.rstrip("abcdef")
    if elsewhere != cloud.region and elsewhere in catalogue.document("regions")["regions"]:
        where, instead = f", but of {elsewhere}", f"--region {elsewhere} --zone {wished}"
    else:
        where, instead = "", f"--zone {(difflib.get_close_matches(wished, zones, n=1) or zones)[0]}"
    return UnknownZone(
        zone=wished,
        region=cloud.region,
        zones=", ".join(zones),
        elsewhere=where,
        instance_type=type_name,
        instead=instead,
    )


def disk_for(bench: Workbench, wishes: Wishes, image: Image) -> int:
    """Return the root disk's size: the wish if the image fits on it, else the larger of default and image."""
    if wishes.disk_gb is None:
        return max(int(bench.settings.disk_gb), image.root_gb)
    if wishes.disk_gb < image.root_gb:
        raise DiskTooSmall(
            disk_gb=wishes.disk_gb, needed_gb=image.root_gb, image=image.name, instance_type=wishes.instance_type
        )
    return wishes.disk_gb


def require_driver(itype: InstanceType, image: Image, wishes: Wishes) -> str:
    """Return how driver and CUDA will serve this GPU, or refuse (`DriverUnfit`)."""
    verdict = fit(itype.gpu, image, cuda=wishes.cuda)
    if not verdict.ok:
        raise DriverUnfit(why=verdict.reason, instance_type=itype.name, instead=verdict.instead)
    return verdict.reason


def require_paid_plan(bench: Workbench, itype: InstanceType) -> None:
    """Refuse what a Free-plan account cannot launch: DryRun does not tell, RunInstances would."""
    if not itype.free_tier and bench.clouds.account_plan() == "free":
        raise FreePlan(instance_type=itype.name)


def highest(wishes: Wishes, spot: Price | None, price: Price | None) -> Price | None:
    """Return the most an hour may come to: `--spot prefer` may end on demand."""
    return spot if wishes.spot == "yes" and spot is not None else price


def require_consent_first(bench: Workbench, wishes: Wishes, *, yes: bool) -> None:
    """Ask for the yes of a launch that will go on by itself, with nobody there to ask; its refusals stay its own."""
    try:
        choice = decide(bench, wishes)
    except AwsGpuError:
        return
    require_consent(bench, choice, yes=yes)


def require_consent(bench: Workbench, choice: Choice, *, yes: bool) -> None:
    """Ask for `--yes` above the price a person has set (`confirm_above`), and where no price says all it costs."""
    what = None if yes else _to_agree_to(choice, float(bench.settings.confirm_above))
    if what is not None:
        command = f"awsgpu launch {choice.instance_type.name}{options(choice.wishes)}"
        raise NeedsYes(what=what, command=command, verb="launch")


def _to_agree_to(choice: Choice, limit: float) -> str | None:
    """Return the sentence that wants a yes; None where the price is known, whole, and within the limit."""
    name, nodes = choice.instance_type.name, choice.wishes.nodes
    price = highest(choice.wishes, choice.spot_price, choice.price)
    if price is None:
        several = f"{nodes} machines of {name}" if nodes > 1 else name
        return f"What {several} would cost is unknown here: neither AWS's price list nor the shipped catalogue has it."
    each = f"{nodes} machines of {name} cost {price.times(nodes)}" if nodes > 1 else f"{name} costs {price}"
    if choice.image.software:
        return f"{each}. {billed_apart(choice.image.software)}"
    return f"{each}, above your limit of ${limit:g}/h." if price.per_hour * nodes > limit else None


def require_countable(cloud: Cloud, wishes: Wishes, spot: Price | None, price: Price | None) -> None:
    """Refuse a budget where no price says how many hours it buys (`PriceUnknown`): it would end nothing."""
    if wishes.budget is not None and highest(wishes, spot, price) is None:
        raise PriceUnknown(instance_type=wishes.instance_type, region=cloud.region)
