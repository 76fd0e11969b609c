"""An image was made of an instance, and another one boots from it: nothing of the old identity wakes up."""

from __future__ import annotations

import json
from typing import Any

from jupyter_awsgpu.host import generate_host_key
from jupyter_awsgpu.remote import guest, jupyter
from jupyter_awsgpu.remote.user_data import GuestConfig, user_data

OLD_KEY = "ssh-ed25519 AAAAold person-of-the-old-one\n"


def test_nothing_of_the_old_identity_wakes_up(booted: Any, config: GuestConfig) -> None:
    """Token, host keys, authorised keys, ledger and hold are gone before the new key is written."""
    guest.follow_progress(booted, lambda step: None)
    old = jupyter.find_server(booted)
    booted.run(["awsgpu-guest", "hostkey", "offer"])
    booted.run(["awsgpu-guest", "hostkey", "confirm"])
    booted.run(["awsgpu-guest", "keep", "2"])
    keys = booted.path("/home/ubuntu/.ssh/authorized_keys")
    keys.parent.mkdir(exist_ok=True)
    keys.write_text(OLD_KEY)
    old_host_key = booted.path("/etc/ssh/ssh_host_ed25519_key").read_text()
    booted.end()
    booted.path("/var/lib/cloud/data/instance-id").write_text("i-0fffffffffffffff1\n")
    booted.path("/run").mkdir()

    booted.boot(user_data(config, generate_host_key(), "ubuntu"))
    assert not booted.path("/etc/ssh/ssh_host_ed25519_key").exists()
    assert booted.path("/etc/ssh/ssh_host_ecdsa_key").exists()
    assert keys.read_text() == ""
    assert not booted.path("/var/lib/awsgpu/keep.json").exists()
    report = guest.follow_progress(booted, lambda step: None)
    offered = json.loads(booted.run(["awsgpu-guest", "hostkey", "offer"]).stdout)
    assert report.phase == "ready"
    assert report.kept_until is None
    assert jupyter.find_server(booted).token != old.token
    assert offered["public"].startswith("ssh-ed25519 ")
    assert booted.path("/etc/ssh/ssh_host_ed25519_key").read_text() != old_host_key


def test_the_same_machine_keeps_what_it_is(booted: Any) -> None:
    """A second boot with the same id throws nothing away, and offers the same host key again."""
    guest.provision_when_there(booted)
    first = booted.run(["awsgpu-guest", "hostkey", "offer"]).stdout
    booted.run(["awsgpu-guest", "boot", "--early"])
    assert booted.run(["awsgpu-guest", "hostkey", "offer"]).stdout == first
