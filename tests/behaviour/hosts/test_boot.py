"""User-data runs as cloud-init would run it."""

from __future__ import annotations

import base64
import gzip

import asyncssh
import yaml

from tests.behaviour.hosts.hosts_yard import PUBLIC, Yard


def _config(**keys: object) -> bytes:
    return b"#cloud-config\n" + yaml.safe_dump(keys).encode()


def _host_key(algorithm: str) -> tuple[str, str]:
    key = asyncssh.generate_private_key(algorithm)
    return key.export_private_key("openssh").decode(), key.export_public_key("openssh").decode().strip()


def _algorithm_seen(yard: Yard, spec: object, wanted: str | None = None) -> str:
    """Return the host key a fresh connection is shown, as `algorithm base64`."""
    options = {}
    if wanted:
        kinds = {"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"} - {wanted}
        options["disabled_algorithms"] = {"keys": sorted(kinds)}
    key = yard.connect(spec, **options).get_transport().get_remote_server_key()  # type: ignore[arg-type]
    return f"{key.get_name()} {key.get_base64()}"


def test_host_key_of_user_data_is_the_one_served(yard: Yard) -> None:
    """With `ssh_keys` the host serves exactly that key, and says so on its console."""
    private, public = _host_key("ecdsa-sha2-nistp256")
    spec = yard.boot(user_data=_config(ssh_keys={"ecdsa_private": private, "ecdsa_public": public}))
    yard.wait_booted(spec)
    assert _algorithm_seen(yard, spec) == public
    console = yard.fleet.console(spec.instance_id)
    block = console.partition("-----BEGIN SSH HOST KEY KEYS-----\n")[2].partition("-----END")[0]
    assert [line.split()[:2] for line in block.splitlines()] == [public.split()]


def test_host_keys_are_exchanged_while_a_connection_lives(yard: Yard, isolated: None) -> None:
    """A second key is served beside the first after a reload, and the first can be dropped, with a live connection."""
    private, public = _host_key("ecdsa-sha2-nistp256")
    spec = yard.boot(user_data=_config(ssh_keys={"ecdsa_private": private, "ecdsa_public": public}))
    client = yard.connect(spec)
    new_private, new_public = _host_key("ssh-ed25519")
    make = "sudo sh -c 'umask 077; cat > /etc/ssh/ssh_host_ed25519_key; service ssh reload'"
    assert yard.run(spec, make, new_private.encode())[0] == 0
    assert _algorithm_seen(yard, spec, "ssh-ed25519") == new_public
    assert _algorithm_seen(yard, spec, "ecdsa-sha2-nistp256") == public
    drop = "sudo sh -c 'rm /etc/ssh/ssh_host_ecdsa_key && kill -HUP $(cat /run/sshd.pid)'; sleep 0.1"
    _, out, _ = client.exec_command(drop)
    assert out.channel.recv_exit_status() == 0
    assert _algorithm_seen(yard, spec) == new_public


def test_gzipped_config_writes_files_and_runs_commands(yard: Yard, isolated: None) -> None:
    """Encodings, permissions, owners, bootcmd before files, runcmd after them, as root."""
    data = _config(
        bootcmd=["test ! -e /opt/a && id -un > /opt/order"],
        write_files=[
            {
                "path": "/opt/a",
                "content": base64.b64encode(b"plain").decode(),
                "encoding": "b64",
                "permissions": "0600",
            },
            {"path": "/opt/b", "content": base64.b64encode(gzip.compress(b"packed")).decode(), "encoding": "gz+b64"},
            {"path": "/opt/order", "content": "files\n", "append": True},
        ],
        runcmd=[["sh", "-c", "id -un >> /opt/order"], "echo $HOME >> /opt/order"],
    )
    spec = yard.boot(user_data=gzip.compress(data))
    yard.wait_booted(spec)
    _, text, _ = yard.run(spec, "sudo cat /opt/a /opt/b; stat -c %a /opt/a /opt/b; cat /opt/order")
    assert text == "plainpacked600\n644\nroot\nfiles\nroot\n/root\n"


def test_script_runs_once_and_bootcmd_at_every_boot(yard: Yard, isolated: None) -> None:
    """Per-instance work is not repeated after stop and start; bootcmd is."""
    parts = (
        b"Content-Type: multipart/mixed; boundary=X\nMIME-Version: 1.0\n\n"
        b"--X\nContent-Type: text/cloud-config\n\n#cloud-config\n"
        b"bootcmd: ['echo boot >> /opt/log']\nruncmd: ['echo run >> /opt/log']\n"
        b"--X\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho script >> /opt/log\n--X--\n"
    )
    spec = yard.boot(user_data=parts)
    yard.wait_booted(spec)
    yard.fleet.stop(spec.instance_id)
    yard.again(spec)
    yard.wait_booted(spec)
    assert yard.run(spec, "cat /opt/log")[1].split() == ["boot", "run", "script", "boot"]


def test_failed_command_is_told_and_does_not_end_the_boot(yard: Yard) -> None:
    """A failing runcmd leaves a warning on the console and `cloud-init status` in error; the next one runs."""
    spec = yard.boot(user_data=_config(runcmd=["exit 4", "echo later"]))
    status, text, _ = yard.run(spec, "cloud-init status --wait")
    assert (status, text) == (1, "status: error\n")
    console = yard.fleet.console(spec.instance_id)
    assert "ended with status 4" in console
    assert "\nlater\n" in console


def test_image_carries_files_and_gets_a_new_identity(yard: Yard, isolated: None) -> None:
    """A host of an image has its files, runs its user-data anew and has host keys of its own."""
    first = yard.boot(
        "1", user_data=_config(runcmd=["echo $(cat /etc/hostname) >> /opt/hosts"]), private_address="172.31.0.1"
    )
    yard.wait_booted(first)
    yard.run(first, "echo kept > notes")
    yard.fleet.stop(first.instance_id)
    yard.fleet.make_image(first.folder, yard.folder / "image")
    second = yard.boot("2", first.user_data, image_folder=yard.folder / "image", private_address="172.31.0.2")
    yard.wait_booted(second)
    assert yard.run(second, "cat notes; stat -c %U notes; cat /opt/hosts")[1].split() == [
        "kept",
        "ubuntu",
        "ip-172-31-0-1",
        "ip-172-31-0-2",
    ]
    yard.again(first)
    assert _algorithm_seen(yard, first) != _algorithm_seen(yard, second)


def test_metadata_service_answers_version_two_only(yard: Yard, isolated: None) -> None:
    """A token is needed; identity, tags and a spot interruption can be read; what is not there is a 404."""
    spec = yard.boot(tags={"Name": "awsgpu-gpu"}, zone="us-west-2b")
    service, header = "http://169.254.169.254/latest", "X-aws-ec2-metadata-token"
    paths = "instance-id placement/availability-zone tags/instance/Name public-keys/0/openssh-key spot/instance-action"
    ask = (
        f"token=$(curl -s -X PUT -H '{header}-ttl-seconds: 60' {service}/api/token);"
        f"for path in {paths}; do"
        f" curl -s -w ' %{{http_code}}\\n' -H \"{header}: $token\" {service}/meta-data/$path; done;"
        f"curl -s -o /dev/null -w '%{{http_code}}' {service}/meta-data/instance-id"
    )
    lines = yard.run(spec, ask)[1].splitlines()
    assert lines == [f"{spec.instance_id} 200", "us-west-2b 200", "awsgpu-gpu 200", f"{PUBLIC} 200", " 404", "401"]
    yard.fleet.interrupt(spec.instance_id, "terminate", "2026-01-01T00:00:00Z")
    assert '{"action": "terminate", "time": "2026-01-01T00:00:00Z"} 200' in yard.run(spec, ask)[1]
