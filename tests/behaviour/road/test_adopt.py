"""An instance that another tool launched, taken in: verified or not at all, and never ours to remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.host import console_host_keys, generate_host_key
from jupyter_awsgpu.model import ADOPTED
from tests.behaviour.demo.aws_clients import Aws, eventually
from tests.behaviour.road.remote_jupyter import status_of
from tests.behaviour.road.terminal import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_awsgpu.demo.client import DemoStatus


@pytest.fixture(scope="module")
def aws(demo: DemoStatus) -> Aws:
    """Ask the shared simulated AWS by plain boto3, as another tool would."""
    keys = {"aws_access_key_id": demo.access_key_id, "aws_secret_access_key": demo.secret_access_key}
    return Aws({"endpoint_url": demo.endpoint, **keys}, demo)


@pytest.fixture(scope="module")
def key(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Another tool's key pair, its private half in a file; gone at AWS when the file's tests have ended."""
    path = tmp_path_factory.mktemp("keys") / "theirs.pem"
    path.touch(0o600)
    path.write_text(aws("ec2").create_key_pair(KeyName="theirs", KeyType="ed25519")["KeyMaterial"])
    yield path
    aws("ec2").delete_key_pair(KeyName="theirs")


@pytest.fixture
def theirs(aws: Aws, key: Path) -> Iterator[str]:
    """An instance with nothing of ours on it: id of a host that runs and has told its host keys."""
    image = _dlami(aws)
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "training"}]}]
    instance_id = aws.launch(KeyName="theirs", InstanceType="p2.xlarge", ImageId=image, TagSpecifications=tags)[
        "InstanceId"
    ]
    eventually(lambda: _console(aws, instance_id), console_host_keys, "host keys on the console", timeout_s=60)
    yield instance_id
    run("disconnect", "training")
    aws("ec2").terminate_instances(InstanceIds=[instance_id])


def _dlami(aws: Aws) -> str:
    name = "/aws/service/deeplearning/ami/x86_64/historical-nvidia-driver-470-gpu-ubuntu-20.04/latest/ami-id"
    return str(aws("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def _console(aws: Aws, instance_id: str) -> str:
    return str(aws("ec2").get_console_output(InstanceId=instance_id).get("Output", ""))


def _tags(aws: Aws, instance_id: str) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in aws.describe(instance_id).get("Tags", ())}


def test_an_instance_of_another_tool_is_adopted_to_a_live_jupyter(aws: Aws, theirs: str, key: Path) -> None:
    """Refused with a wrong host key, taken in with the console's; then a Jupyter like any, and no leftover."""
    wrong = run("adopt", theirs, "--key", str(key), "--host-key", generate_host_key()[1])
    assert (wrong.status, wrong.error["error"]) == (1, "host-key-wrong")
    assert ADOPTED not in _tags(aws, theirs)

    answer = run("adopt", theirs, "--key", str(key))
    assert answer.status == 0, answer.err
    assert "never stops by itself" in answer.err
    box = answer.document
    assert (box["name"], box["instance_id"]) == ("training", theirs)
    box["token"] = run("token", "training").document["token"]
    assert (status_of(box, box["token"]), status_of(box, None)) == (200, 403)
    assert _tags(aws, theirs)[ADOPTED] == "1"
    before = console_host_keys(_console(aws, theirs))

    assert run("connect", "training").document["local_port"] == box["local_port"]
    assert run("provision", "training").status == 0
    guest = run("status", "training").document[0]["guest"]
    assert (guest["idle_stop_in_s"], guest["cap_in_s"]) == (None, None)
    listed = run("cleanup", "--kind", "instance", "--kind", "volume", "--kind", "tunnel record").document
    assert theirs not in {one["id"] for one in listed}
    assert not [one for one in listed if one["name"] == "training"]

    again = run("adopt", theirs, "--key", str(key))
    assert again.document["launch_id"] == box["launch_id"]
    keyscan = run("ssh", "training", "--", "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    assert before[0].split()[1] in keyscan.out + keyscan.err


def test_what_cannot_be_adopted_is_refused_in_a_sentence(key: Path) -> None:
    """An id that nobody has, a name where an id belongs, a key that is not there."""
    assert run("adopt", "i-0123456789abcdef0", "--key", str(key)).error["error"] == "instance-gone"
    assert run("adopt", "gpu", "--key", str(key)).error["error"] == "bad-value"
    assert run("adopt", "i-0123456789abcdef0", "--key", str(key) + ".none").error["error"] == "key-missing"
