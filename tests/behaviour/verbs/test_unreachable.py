"""An SSH that does not answer is explained by who is let in and what the web sees."""

from __future__ import annotations

from jupyter_awsgpu.errors import JupyterDown, SshUnreachable
from jupyter_awsgpu.verbs.arrival import Way, _explained, _with_addresses
from tests.behaviour.verbs.test_attempts import launch_without_arriving


def test_a_dead_ssh_names_both_addresses(desk):
    """A VPN or proxy that tells SSH from web pages is seen in the sentence: who is let in, who we are to the web."""
    said = _with_addresses(desk.bench, SshUnreachable(name="gpu", address="192.0.2.7", port=22)).message
    seen = desk.bench.clouds.caller_address()
    assert f"lets in {seen}/32" in said
    assert f"web pages see this machine at {seen}" in said


def test_a_jupyter_that_is_down_is_named(desk):
    """The sentence and its remedy name the instance, even where its log cannot be read."""
    box = launch_without_arriving(desk, desk.wish(name="mine"))
    error = _explained(desk.bench, box, Way(8889), JupyterDown(log="nothing answers"))
    assert error.message == "Jupyter on mine does not answer: nothing answers"
    assert error.remedy == "awsgpu logs mine"
