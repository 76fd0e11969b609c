"""The RunInstances request: safe by itself, plain data, the same bytes after a crash."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.cloud import request as requests
from jupyter_awsgpu.model import Image, Price, Wishes

IMAGE = Image("ami-1", "dlami", "us-west-2", "dlami", "ubuntu", "/dev/sda1", 65)
TAGS = {"Name": "awsgpu-gpu", "jupyter-awsgpu:schema": "1", "jupyter-awsgpu:price": "0.3 USD"}


def made(wishes: Wishes, *, zone: str | None = None) -> dict[str, Any]:
    """Return the request for wishes."""
    return requests.launch_request(
        wishes=wishes,
        image=IMAGE,
        zone=zone,
        key_name="awsgpu-liao-1",
        group_ids=("sg-1",),
        user_data=b"#cloud-config\n\xff",
        client_token="l-1",
        has=TAGS,
    )


WISHES = st.builds(
    Wishes,
    instance_type=st.sampled_from(["p2.xlarge", "g5.xlarge"]),
    spot=st.sampled_from(["no", "yes", "prefer"]),
    disk_gb=st.none() | st.integers(1, 500),
    on_idle=st.sampled_from(["stop", "terminate"]),
    max_price=st.none() | st.floats(0.1, 10),
    subnet=st.none() | st.just("subnet-1"),
    instance_profile=st.none() | st.sampled_from(["trainer", "arn:aws:iam::1:instance-profile/trainer"]),
)


@given(WISHES)
def test_every_request_is_private_encrypted_and_tagged(wishes: Wishes) -> None:
    """Metadata version 2, one hop, an encrypted root as large as the image, tags on all that is created."""
    request = made(wishes)
    assert request["MetadataOptions"]["HttpTokens"] == "required"
    assert request["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    disk = request["BlockDeviceMappings"][0]["Ebs"]
    assert disk["Encrypted"]
    assert disk["DeleteOnTermination"]
    assert disk["VolumeSize"] == max(wishes.disk_gb or 0, IMAGE.root_gb)
    kinds = {one["ResourceType"] for one in request["TagSpecifications"]}
    assert {"instance", "volume", "network-interface"} <= kinds


@given(WISHES, st.sampled_from(["on-demand", "spot"]))
def test_a_request_survives_the_journal(wishes: Wishes, market: requests.Market) -> None:
    """What is written before RunInstances can be sent byte for byte after a crash."""
    request = requests.in_zone(made(wishes), "us-west-2a", market=market, client_token="l-1-1")
    assert json.loads(json.dumps(request)) == request
    assert requests.as_sent(request)["UserData"] == b"#cloud-config\n\xff"
    assert base64.b64decode(request["UserData"]) == b"#cloud-config\n\xff"


@given(WISHES, st.sampled_from(["on-demand", "spot"]))
def test_a_copy_for_a_zone_leaves_the_base_alone(wishes: Wishes, market: requests.Market) -> None:
    """Zone after zone is tried from one base."""
    base = made(wishes)
    before = copy.deepcopy(base)
    requests.in_zone(base, "us-west-2b", market=market, client_token="l-1-2")
    assert base == before


@given(WISHES)
def test_spot_options_and_tags_come_and_go_with_the_market(wishes: Wishes) -> None:
    """A spot request's tags on an on-demand launch are an error to EC2; a one-time spot instance cannot stop."""
    base = made(wishes)
    spot = requests.in_zone(base, None, market="spot", client_token="t")
    assert spot["InstanceMarketOptions"]["SpotOptions"]["SpotInstanceType"] == "one-time"
    assert spot["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert "spot-instances-request" in {one["ResourceType"] for one in spot["TagSpecifications"]}
    fallen_back = requests.in_zone(base, None, market="on-demand", client_token="t")
    assert "InstanceMarketOptions" not in fallen_back
    assert fallen_back["InstanceInitiatedShutdownBehavior"] == wishes.on_idle
    assert "spot-instances-request" not in {one["ResourceType"] for one in fallen_back["TagSpecifications"]}


def test_falling_back_to_on_demand_corrects_the_price_tag() -> None:
    """The tag says what the hour costs, not what it might have cost."""
    base = made(Wishes("g5.xlarge", spot="prefer"))
    request = requests.in_zone(base, None, market="on-demand", client_token="t", price=Price(1.006))
    has = {tag["Key"]: tag["Value"] for tag in request["TagSpecifications"][0]["Tags"]}
    assert has["jupyter-awsgpu:price"] == "1.006 USD"


def test_a_subnet_brings_its_own_zone_and_asks_for_an_address() -> None:
    """Groups and subnet move into the interface: EC2 refuses them in both places."""
    request = requests.in_zone(
        made(Wishes("g5.xlarge", subnet="subnet-1")), "us-west-2a", market="on-demand", client_token="t"
    )
    assert "Placement" not in request
    assert "SecurityGroupIds" not in request
    assert request["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is True


def test_a_highest_price_is_only_in_spot_requests() -> None:
    """`--max-price` means nothing on demand."""
    wishes = Wishes("g5.xlarge", spot="yes", max_price=0.5)
    assert made(wishes)["InstanceMarketOptions"]["SpotOptions"]["MaxPrice"] == "0.5000"
    assert "InstanceMarketOptions" not in made(replace(wishes, spot="no"))
