"""One EC2 client serves every region: each call goes to its region's endpoint, signed for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from jupyter_awsgpu.cloud.steering import Steered, make_steerable

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-east-1", "cn-north-1", "us-gov-west-1")


class Raw:
    """An HTTP body as urllib3 hands it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_options: Any) -> list[bytes]:
        """Return the body in one piece."""
        return [self._body]


class Wire:
    """What would have gone over the network, answered on the spot: a page of regions, then the last one."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def __call__(self, request: Any, **_others: Any) -> AWSResponse:
        """Note host and signing region; answer with a first page, and a last one where its token came back."""
        host = request.url.split("/")[2]
        signed = request.headers["Authorization"].decode().split("/")[2]
        self.sent.append((host, signed))
        more = b"" if "NextToken" in str(request.body) else b"<nextToken>2</nextToken>"
        body = b"<DescribeInstancesResponse><reservationSet/>" + more + b"</DescribeInstancesResponse>"
        return AWSResponse(request.url, 200, {}, Raw(body))  # type: ignore[arg-type]


@pytest.fixture
def wire() -> Wire:
    """Return the noted wire."""
    return Wire()


@pytest.fixture
def client(wire: Wire) -> Any:
    """Return a steerable client that never reaches a network."""
    session = boto3.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="example")
    made = make_steerable(session.client("ec2", region_name="us-east-1"))
    made.meta.events.register("before-send", wire)
    return made


@pytest.mark.parametrize("region", REGIONS)
def test_a_call_goes_to_its_region_and_is_signed_for_it(client: Any, wire: Wire, region: str) -> None:
    """Endpoint and signature agree, in every partition."""
    Steered(client, region).describe_instances()
    suffix = ".cn" if region.startswith("cn-") else ""
    assert wire.sent == [(f"ec2.{region}.amazonaws.com{suffix}", region)]


def test_every_page_goes_there_though_the_thread_went_elsewhere_between(client: Any, wire: Wire) -> None:
    """Two regions' pages are read in turns."""
    ireland = Steered(client, "eu-west-1").get_paginator("describe_instances").paginate()
    oregon = Steered(client, "us-west-2").get_paginator("describe_instances").paginate()
    for _page in zip(ireland, oregon, strict=True):
        pass
    assert [signed for _, signed in wire.sent] == ["eu-west-1", "us-west-2", "eu-west-1", "us-west-2"]


def test_threads_do_not_mix_their_regions(client: Any, wire: Wire) -> None:
    """Thirty regions at once, one client."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda region: Steered(client, region).describe_instances(), REGIONS * 10))
    assert all(signed in host for host, signed in wire.sent)
    assert sorted(signed for _, signed in wire.sent) == sorted(REGIONS * 10)


def test_without_a_region_the_client_is_as_it_was(client: Any, wire: Wire) -> None:
    """Steering touches only steered calls."""
    client.describe_instances()
    assert wire.sent == [("ec2.us-east-1.amazonaws.com", "us-east-1")]
