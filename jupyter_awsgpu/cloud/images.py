"""Machine images: from a wish (`dlami`, `ubuntu`, a name, an id) to the one image a launch will use.

Public images are found through the parameters AWS and Canonical publish (one GetParameters call for the
lines we know, newest first), then described once for their size, user and architecture; both are kept a day.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import image_lines as lines
from jupyter_awsgpu.cloud import tags
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.place import filters
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import ImageNotFound, ImageUnsuitable
from jupyter_awsgpu.model import Image, ImageKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.model import InstanceType


PLAIN = "Linux/UNIX"
"""What EC2 calls a system that costs nothing beside the instance (EC2 User Guide, «AMI billing information fields»)."""


def image(place: Place, wish: str | None, itype: InstanceType) -> Image:
    """Return the image that a wish means for a type; without a wish, the best there is for its GPU.

    Raises `ImageNotFound` and `ImageUnsuitable` (with the image to take instead).
    """
    chosen = _meant(place, wish or lines.default_wish(itype), itype)
    why = lines.unsuitable(chosen, itype)
    if why:
        raise ImageUnsuitable(image=wish or chosen.name, instance_type=itype.name, why=why)
    return chosen


def _meant(place: Place, wish: str, itype: InstanceType) -> Image:
    if wish.startswith("ami-"):
        return by_id(place, wish)
    if wish in ("dlami", "dlami-pytorch") and lines.needs_historical(itype):
        found = public(place, "historical", itype.architecture)
        if found is None:
            why = "no Deep Learning image supports its GPU any more"
            raise ImageUnsuitable(image=wish, instance_type=itype.name, why=why)
        return found
    if lines.is_public(wish):
        found = public(place, wish, itype.architecture)
        if found is None:
            raise ImageNotFound(image=wish, region=place.region)
        return found
    return _own_named(place, wish)


def images(place: Place) -> tuple[Image, ...]:
    """Return the images a launch understands in the region: the public choices, then one's own, newest first."""
    with parallel(5) as pool:
        choices = [pool.submit(public, place, wish, "x86_64") for wish in (*lines.CHOICES, "historical")]
        mine = pool.submit(own, place)
        found = [choice.result() for choice in choices]
    return (*(one for one in found if one is not None), *mine.result())


def public(place: Place, wish: str, architecture: str) -> Image | None:
    """Return the newest build of the newest line that a wish means, cached a day; None if there is none."""

    def ask() -> dict[str, Any]:
        image_id = _newest_known(place, wish, architecture)
        if not image_id:
            return {}
        return _plain(by_id(place, image_id, kind=lines.kind_of(wish), historical=wish == "historical"))

    plain = place.remembered(f"image/{wish}/{architecture}", ask)
    return _from_plain(plain) if plain else None


def forget(place: Place, image_id: str) -> None:
    """Take cached images for unknown where one of them turned out to be gone."""
    for wish in (*lines.CHOICES, "historical"):
        for architecture in ("x86_64", "arm64"):
            known = place.known(f"image/{wish}/{architecture}")
            if known and known.get("image_id") == image_id:
                place.learn(f"image/{wish}/{architecture}", None)
                place.learn(_id_fact(wish, architecture), None)


def public_id(place: Place, wish: str | None, itype: InstanceType) -> str | None:
    """Return the id of the public image that a wish means for a type, before the image itself is described.

    None for any other wish, and where there is none.
    """
    meant = wish or lines.default_wish(itype)
    if meant in ("dlami", "dlami-pytorch") and lines.needs_historical(itype):
        meant = "historical"
    return _newest_known(place, meant, itype.architecture) or None if lines.is_public(meant) else None


def _id_fact(wish: str, architecture: str) -> str:
    return f"image id/{wish}/{architecture}"


def _newest_known(place: Place, wish: str, architecture: str) -> str:
    """Return the newest image id, remembered a day; nothing where there is none."""
    return place.remembered(_id_fact(wish, architecture), lambda: _newest(place, wish, architecture) or "")


def _newest(place: Place, wish: str, architecture: str) -> str | None:
    """Return the image id of the first line that exists; PyTorch's are listed, their versions being unforeseeable."""
    if wish == "dlami-pytorch":
        path = lines.DLAMI_ROOT.format(architecture=architecture)
        pages = place.pages(
            place.client("ssm"), "get_parameters_by_path", "Parameters", Path=path, Recursive=True, MaxResults=10
        )
        found = {one["Name"]: one["Value"] for one in pages}
        best = lines.newest_pytorch(found)
        return found[best] if best else None
    names = lines.parameters(wish, architecture)
    with refusals(region=place.region, service="ssm"):
        answer = place.client("ssm").get_parameters(Names=list(names))
    values = {one["Name"]: one["Value"] for one in answer["Parameters"]}
    return next((values[name] for name in names if name in values), None)


def by_id(place: Place, image_id: str, *, kind: ImageKind | None = None, historical: bool = False) -> Image:
    """Return the image with this id. Raises `ImageNotFound`."""
    with refusals(region=place.region, image=image_id):
        found = place.ec2.describe_images(ImageIds=[image_id])["Images"]
    if not found:
        raise ImageNotFound(image=image_id, region=place.region)
    return described(found[0], place.region, kind=kind, historical=historical)


def own(place: Place) -> tuple[Image, ...]:
    """Return the account's images that carry our tags, newest first."""
    with refusals(region=place.region):
        found = place.ec2.describe_images(Owners=["self"], Filters=filters(tag_key=tags.SCHEMA))["Images"]
    mine = [described(one, place.region, kind="own") for one in found]
    return tuple(sorted(mine, key=lambda one: str(one.created), reverse=True))


def named(place: Place, name: str) -> Image | None:
    """Return the account's image of that name, ours or not, in whatever state: a name is given once in a region."""
    with refusals(region=place.region):
        found = place.ec2.describe_images(Owners=["self"], Filters=filters(name=name))["Images"]
    return described(found[0], place.region, kind="own") if found else None


def _own_named(place: Place, name: str) -> Image:
    """Return the newest of one's own images with the name, ours or not; own names of other tools count too."""
    for one in own(place):
        if one.name == name:
            return one
    found = named(place, name)
    if found is None:
        raise ImageNotFound(image=name, region=place.region)
    return found


# ── EC2's words ──────────────────────────────────────────────────────────────────────────────


def described(
    answer: Mapping[str, Any], region: str, *, kind: ImageKind | None = None, historical: bool = False
) -> Image:
    """Return the value of one item of DescribeImages."""
    has = tags.read(answer)
    name = str(answer.get("Name", ""))
    text = f"{name} {answer.get('Description', '')}"
    disks = [one["Ebs"] for one in answer.get("BlockDeviceMappings", ()) if "Ebs" in one]
    root = str(answer.get("RootDeviceName") or "/dev/sda1")
    driver = re.search(r"\b(\d{3}\.\d+(?:\.\d+)?)\b", text)
    return Image(
        image_id=str(answer["ImageId"]),
        name=has.get(tags.NAME, name),
        region=region,
        kind=kind or lines.kind_by_name(name, has),
        user=has.get(tags.USER) or lines.user_of(name, str(answer.get("OwnerId", ""))),
        root_device=root,
        root_gb=_root_gb(answer, root),
        architecture=str(answer.get("Architecture", "x86_64")),
        created=_when(answer.get("CreationDate")),
        driver=driver.group(1) if driver else None,
        snapshot_ids=tuple(disk["SnapshotId"] for disk in disks if disk.get("SnapshotId")),
        historical=historical or "historical" in text.lower(),
        owner=has.get(tags.OWNER),
        made_of=has.get(tags.MADE_OF),
        frozen=tags.FROZEN in has,
        software=_software(answer),
    )


def _software(answer: Mapping[str, Any]) -> str | None:
    """Return what an image brings that the price of plain Linux does not contain; None for plain Linux alone."""
    system = str(answer.get("PlatformDetails") or PLAIN)
    found = [] if system == PLAIN else [system]
    found += [f"Marketplace product {one['ProductCodeId']}" for one in answer.get("ProductCodes") or ()]
    return ", ".join(found) or None


def _root_gb(answer: Mapping[str, Any], root: str) -> int:
    mappings = {one.get("DeviceName"): one.get("Ebs", {}) for one in answer.get("BlockDeviceMappings", ())}
    disk: dict[str, Any] = mappings.get(root) or next(iter(mappings.values()), {})
    return int(disk.get("VolumeSize") or 8)


def _when(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _plain(one: Image) -> dict[str, Any]:
    return {**asdict(one), "created": one.created.isoformat() if one.created else None}


def _from_plain(plain: Mapping[str, Any]) -> Image:
    return Image(**{**plain, "created": _when(plain["created"]), "snapshot_ids": tuple(plain["snapshot_ids"])})
