"""What `adopt` refuses before it has said a word to the instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.errors import BadValue, HostKeyNotShown, OtherOwner
from jupyter_awsgpu.verbs.adopt import Adoption, adopt
from tests.behaviour.demo.aws_clients import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.behaviour.verbs.conftest import Desk


@pytest.fixture
def wish(desk: Desk, tmp_path: Path) -> Adoption:
    """An instance of another tool's whose console shows no host key, and a key file."""
    ec2 = desk.bench.cloud().place.ec2
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, InstanceType="t2.micro", MinCount=1, MaxCount=1)["Instances"][0]
    key = tmp_path / "theirs.pem"
    key.touch(0o600)
    found = desk.bench.cloud().instance(made["InstanceId"])
    eventually(
        lambda: desk.bench.cloud().instance(found.instance_id), lambda one: one.state.value == "running", "running"
    )
    return Adoption(found.instance_id, key)


def test_without_a_host_key_to_verify_by_it_is_refused(desk: Desk, wish: Adoption) -> None:
    """Neither pins nor tags are left, and the remedy says what to give."""
    with pytest.raises(HostKeyNotShown) as caught:
        adopt(desk.bench, wish)
    assert f"awsgpu adopt {wish.instance_id} --key {wish.key_file} --host-key LINE" in caught.value.remedy
    assert not list(desk.bench.records.root.glob("pins/*"))
    assert not desk.bench.cloud().instance(wish.instance_id).owner


def test_a_host_key_that_is_none_is_refused(desk: Desk, wish: Adoption) -> None:
    """A fingerprint, say, verifies nothing here."""
    with pytest.raises(BadValue, match="--host-key"):
        adopt(desk.bench, Adoption(wish.instance_id, wish.key_file, host_key="SHA256:abc"))


def test_another_owners_is_shown_never_taken(desk: Desk, wish: Adoption) -> None:
    """Whoever tagged it first has it."""
    tags = {"jupyter-awsgpu:schema": "1", "jupyter-awsgpu:owner": "123456789012/user/bob"}
    desk.bench.cloud().tag(wish.instance_id, tags)
    with pytest.raises(OtherOwner):
        adopt(desk.bench, wish)
