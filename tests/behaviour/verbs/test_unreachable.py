"""An SSH that does not answer is explained by who is let in and what the web sees."""

from __future__ import annotations

from jupyter_awsgpu.errors import SshUnreachable
from jupyter_awsgpu.verbs.arrival import _with_addresses


def test_a_dead_ssh_names_both_addresses(desk):
    """A VPN or proxy that tells SSH from web pages is seen in the sentence: who is let in, who we are to the web."""
    said = _with_addresses(desk.bench, SshUnreachable(name="gpu", address="192.0.2.7", port=22)).message
    seen = desk.bench.clouds.caller_address()
    assert f"lets in {seen}/32" in said
    assert f"web pages see this machine at {seen}" in said
