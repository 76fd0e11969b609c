"""The API side and the hosts together: a launch is a real SSH host, and what it does is seen through EC2."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import paramiko
import psutil
import pytest

from jupyter_awsgpu.demo import client
from tests.behaviour.demo.aws_clients import Aws, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT_TAG = "jupyter-awsgpu:ssh-port"


@pytest.fixture
def with_hosts(tmp_path: Path) -> Iterator[Aws]:
    """Run a simulated AWS of the test's own, with hosts; nothing of it is left."""
    running = client.up(tmp_path / "aws", pending_s=0.05, stopping_s=0.05)
    family = [psutil.Process(running.pid)]
    keys = {"aws_access_key_id": running.access_key_id, "aws_secret_access_key": running.secret_access_key}
    try:
        yield Aws({"endpoint_url": running.endpoint, **keys}, running)
        family += family[0].children(recursive=True)
    finally:
        client.down(tmp_path / "aws")
    gone = [one for one in family if not one.is_running() or one.status() == psutil.STATUS_ZOMBIE]
    assert len(gone) == len(family), "hosts outlived the simulated AWS"
    hosts = tmp_path / "aws" / "hosts"
    assert not hosts.exists() or list(hosts.iterdir()) == []


def login(instance: dict[str, object], key: str, host_keys: list[str]) -> paramiko.SSHClient:
    """Log in as the image's user, accepting only the host keys the console showed."""
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}  # type: ignore[attr-defined]
    address, port = str(instance["PublicIpAddress"]), int(tags[PORT_TAG])
    ssh = paramiko.SSHClient()
    for line in host_keys:
        kind, blob = line.split()[:2]
        known = paramiko.PKey.from_type_string(kind, base64.b64decode(blob))
        ssh.get_host_keys().add(f"[{address}]:{port}" if port != 22 else address, kind, known)
    ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
    pkey = paramiko.Ed25519Key.from_private_key(io.StringIO(key))
    ssh.connect(address, port, "ubuntu", pkey=pkey, allow_agent=False, look_for_keys=False, timeout=20)
    return ssh


def console_keys(aws: Aws, instance_id: str) -> list[str]:
    """Return the host keys between cloud-init's markers on the console."""

    def look() -> list[str]:
        text = aws("ec2").get_console_output(InstanceId=instance_id).get("Output", "")
        _, _, after = text.partition("-----BEGIN SSH HOST KEY KEYS-----")
        between, end, _ = after.partition("-----END SSH HOST KEY KEYS-----")
        return [line.strip() for line in between.splitlines() if line.startswith(("ssh-", "ecdsa-"))] if end else []

    found: list[str] = eventually(look, bool, "host keys on the console", timeout_s=60)
    return found


def test_a_launch_is_a_host_that_shuts_itself_down(with_hosts: Aws) -> None:
    """SSH with the key pair, verified by the console's host keys; the disk outlives a shutdown inside and a start."""
    aws, ec2 = with_hosts, with_hosts("ec2")
    key = ec2.create_key_pair(KeyName="mine", KeyType="ed25519")["KeyMaterial"]
    instance_id = aws.launch(KeyName="mine", InstanceType="p2.xlarge")["InstanceId"]
    instance = running(aws, instance_id)
    with login(instance, key, console_keys(aws, instance_id)) as ssh:
        _, out, _ = ssh.exec_command("echo kept > ~/file; whoami", timeout=60)
        assert out.read().decode().strip() == "ubuntu"
        _, out, _ = ssh.exec_command("sudo shutdown -h now", timeout=60)
        out.read()
    stopped = eventually(
        lambda: aws.describe(instance_id), lambda one: one["State"]["Name"] == "stopped", "stopped", timeout_s=60
    )
    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    ec2.start_instances(InstanceIds=[instance_id])
    again = running(aws, instance_id)
    assert again["PublicIpAddress"] != instance["PublicIpAddress"] or not again["PublicIpAddress"].startswith("127.64.")
    with login(again, key, console_keys(aws, instance_id)) as ssh:
        _, out, _ = ssh.exec_command("cat ~/file", timeout=60)
        assert out.read().decode().strip() == "kept"


def running(aws: Aws, instance_id: str) -> dict[str, object]:
    """Wait until the instance runs, as long as a slow machine needs to boot a host."""
    found: dict[str, object] = eventually(
        lambda: aws.describe(instance_id), lambda one: one["State"]["Name"] == "running", "running", timeout_s=60
    )
    return found
