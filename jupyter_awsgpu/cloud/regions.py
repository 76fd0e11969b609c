"""Regions: which there are, which this account has, and whether a name is one of them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.place import UNASKABLE
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import UnknownRegion

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.cloud.session import Session


def known(session: Session) -> tuple[str, ...]:
    """Return every region that botocore's endpoint data or the catalogue names, of all public partitions."""
    names = set(catalogue.document("regions")["regions"])
    for partition in ("aws", "aws-cn", "aws-us-gov", "aws-eusc"):
        names.update(session.boto.get_available_regions("ec2", partition))
    return tuple(sorted(names))


def require_known(session: Session, region: str) -> None:
    """Raise `UnknownRegion`, with the nearest names, unless there is such a region. Asks nobody."""
    names = known(session)
    if region not in names:
        near = difflib.get_close_matches(region, names, n=3, cutoff=0.4) or ["us-west-2", "us-east-1"]
        raise UnknownRegion(region=region, nearest=", ".join(near))


def enabled(place: Place) -> tuple[str, ...]:
    """Return the regions that the account has enabled, cached a day; the catalogue's where nobody can be asked."""

    def ask() -> list[str]:
        with refusals(region=place.region):
            answer = place.ec2.describe_regions(AllRegions=False)
        names = (str(one["RegionName"]) for one in answer["Regions"])
        return sorted(name for name in names if place.session.partition(name) == partition)

    partition = place.session.partition(place.region)
    try:
        return tuple(place.remembered("regions", ask))
    except UNASKABLE:
        return catalogue.regions(partition)
