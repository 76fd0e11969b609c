"""A cluster in the sidebar: one card for all of its machines, as EC2 has them."""

import re

import boto3
import pytest
from playwright.sync_api import expect

from jupyter_awsgpu.cloud import tags
from tests.browser.looking import findings, keep
from tests.browser.sidebar import Sidebar

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LAUNCH = "awsgpu launch p2.xlarge --name many --nodes 3 --engine dask"


@pytest.fixture
def ec2(demo):
    """EC2 of the simulated AWS, asked by somebody else than us."""
    key = {"aws_access_key_id": demo.access_key_id, "aws_secret_access_key": demo.secret_access_key}
    return boto3.client("ec2", region_name="us-west-2", endpoint_url=demo.endpoint, **key)


@pytest.fixture
def machines(ec2, fresh):
    """Three machines with a cluster's tags, head first: what a launch of one asks EC2 for, without the rest of it."""
    has = {tags.NAME: "many", tags.OWNER: "123456789012/user/demo", tags.SCHEMA: "1", tags.LAUNCH: "l-0123456789abcdef"}
    has |= {tags.ENGINE: "dask", tags.NODES: "3", tags.PRICE: "0.9"}
    (image, *_) = ec2.describe_images(Owners=["amazon"])["Images"]
    made = ec2.run_instances(
        ImageId=image["ImageId"],
        InstanceType="p2.xlarge",
        MinCount=3,
        MaxCount=3,
        TagSpecifications=tags.specification(("instance",), has),
    )
    return [one["InstanceId"] for one in made["Instances"]]


def test_a_cluster_is_one_card_that_says_what_became_of_each_machine(open_lab, ec2, machines):
    """A row a machine, the sum an hour, what goes with it; one that ends is missed, with the line that replaces it."""
    page = open_lab(width=1180, height=980)
    sidebar = Sidebar(page).open().widen()
    card = sidebar.card("many")
    expect(card).to_have_count(1)
    rows = card.locator(".awsgpu-nodes li")
    expect(rows).to_have_text([re.compile(rf"^{name} ●? ?running us-west-2") for name in ("many", "many/1", "many/2")])
    expect(card).to_contain_text("3 machines as one Dask cluster")
    expect(card).to_contain_text("$2.70/h")
    expect(page.locator(".awsgpu-StatusItem")).to_contain_text("3 running · $2.70/h")
    assert findings(page) == []
    keep(page, "cluster", "light-en")

    ec2.terminate_instances(InstanceIds=[machines[2]])
    expect(rows).to_have_count(2)
    expect(card).to_contain_text(f"many/2 of many: gone; {LAUNCH} launches what is missing.")
    sidebar.press("Terminate", "many")
    expect(card).to_contain_text("With it go its workers (1) and their disks.")
    assert findings(page) == []
    keep(page, "cluster-gone", "light-en")
