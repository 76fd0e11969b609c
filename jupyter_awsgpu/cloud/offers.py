"""Offers: a type in a region, with where, at what price, and how far away. Read-only; the catalogue helps out."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue, prices, types
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.place import UNASKABLE
from jupyter_awsgpu.model import Offer

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.model import InstanceType

HANDSHAKE_S = 3.0
"""Seconds after which an endpoint counts as out of reach."""


def offers(place: Place, *, include_retired: bool) -> tuple[Offer, ...]:
    """Return every accelerated type the region offers, with prices; the retired ones too when asked."""
    found = types.accelerated(place)
    names = [one.name for one in found]
    with parallel(2) as pool:
        on_demand = pool.submit(prices.prices, place, names)
        market = pool.submit(prices.lowest_spot_prices, place, names)
        priced, spot = on_demand.result(), market.result()
    rows = [
        Offer(
            instance_type=one,
            region=place.region,
            price=priced.get(one.name),
            spot_price=spot.get(one.name),
            regions_offering=len(catalogue.regions_beside(place.region, one.name)) or None,
        )
        for one in found
    ]
    if include_retired:
        gone = (one for one in catalogue.retired_types() if one.name not in set(names))
        rows += [Offer(instance_type=one, region=place.region, regions_offering=0) for one in gone]
    return tuple(rows)


def offer(place: Place, itype: InstanceType, *, spot: bool) -> Offer | None:
    """Return the region's offer of one type, None if it has none; the catalogue's where AWS cannot be asked.

    Its zones, both prices and the way there are asked at the same time.
    """
    with parallel(4) as pool:
        where = pool.submit(types.zones_offering, place, itype.name)
        on_demand = pool.submit(prices.price_among_regions, place, itype.name)
        market = pool.submit(prices.spot_price, place, itype.name) if spot else None
        distance = pool.submit(round_trip_ms, place)
        try:
            zones = where.result()
        except UNASKABLE:
            if not catalogue.offers(place.region, itype.name):
                return None
            return Offer(itype, place.region, price=on_demand.result(), round_trip_ms=distance.result())
        if not zones:
            return None
        return Offer(
            instance_type=itype,
            region=place.region,
            zones=zones,
            price=on_demand.result(),
            spot_price=market.result() if market else None,
            round_trip_ms=distance.result(),
        )


def round_trip_ms(place: Place) -> float | None:
    """Measure TCP handshakes with the region's endpoint, in milliseconds: one round trip each, and no call.

    The shorter of two counts: this machine is busy with thirty regions meanwhile.
    """
    try:
        host, port = place.session.address_of("ec2", place.region)
        address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
        return round(min(_handshake_s(address, port), _handshake_s(address, port)) * 1000, 1)
    except (OSError, *UNASKABLE):
        return None


def _handshake_s(address: str, port: int) -> float:
    began = time.perf_counter()
    with socket.create_connection((address, port), timeout=HANDSHAKE_S):
        return time.perf_counter() - began
