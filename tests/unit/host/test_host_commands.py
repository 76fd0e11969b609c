"""Command lines for OpenSSH, as data."""

from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_awsgpu.errors import HostKeyUnknown
from jupyter_awsgpu.host import generate_host_key, ssh_command
from jupyter_awsgpu.host.proxy import expand
from jupyter_awsgpu.model import Endpoint

ENDPOINT = Endpoint("i-0123456789abcdef0", "203.0.113.7", 22, "ubuntu", Path("/home/me/keys/k.pem"))
PIN = generate_host_key()[1]


def test_the_command_checks_the_pinned_key_and_offers_ours_alone(tmp_path):
    """Nothing of the person's own known_hosts, agent or keys comes into it."""
    known = tmp_path / "known_hosts" / "i-0123456789abcdef0"
    command = ssh_command(ENDPOINT, known, (PIN,))
    assert command[0] == "ssh"
    assert command[-1] == "ubuntu@203.0.113.7"
    options = {command[at + 1] for at, word in enumerate(command) if word == "-o"}
    assert {
        "StrictHostKeyChecking=yes",
        "HashKnownHosts=no",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "HostKeyAlias=i-0123456789abcdef0",
        "HostKeyAlgorithms=ecdsa-sha2-nistp256",
        f"UserKnownHostsFile={known}",
    } <= options
    assert known.read_text() == f"i-0123456789abcdef0 {PIN}\n"


def test_a_known_hosts_path_with_a_space_stays_one_file(tmp_path):
    """OpenSSH splits that option's value at spaces; macOS' data folder has one."""
    command = ssh_command(ENDPOINT, tmp_path / "Application Support" / "kh", (PIN,))
    assert f'UserKnownHostsFile="{tmp_path}/Application Support/kh"' in command


def test_a_jump_host_or_the_persons_configuration_leads_the_way(tmp_path):
    """`-J`, or the instance's id as the name their configuration matches."""
    jump = ssh_command(replace(ENDPOINT, via="me@bastion"), tmp_path / "kh", (PIN,))
    assert jump[-3:] == ["-J", "me@bastion", "ubuntu@203.0.113.7"]
    configured = ssh_command(replace(ENDPOINT, via="config"), tmp_path / "kh", (PIN,))
    assert configured[-1] == "ubuntu@i-0123456789abcdef0"


def test_without_pins_there_is_no_command(tmp_path):
    """Checking is never off."""
    with pytest.raises(HostKeyUnknown, match="gpu"):
        ssh_command(ENDPOINT, tmp_path / "kh", (), name="gpu")


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (
            "aws ssm start-session --target %h --parameters portNumber=%p",
            "aws ssm start-session --target i-0123456789abcdef0 --parameters portNumber=22",
        ),
        ("nc -X %r %n 100%%", "nc -X ubuntu i-0123456789abcdef0 100%"),
        ("echo %%h %z %", "echo %h %z %"),
        ("%h%p", "i-0123456789abcdef022"),
    ],
)
def test_a_proxy_commands_tokens_are_filled_as_ssh_does(command, filled):
    """ssh_config(5), TOKENS."""
    assert expand(command, ENDPOINT, {}) == filled
