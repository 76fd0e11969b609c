"""A network that fails as networks do: links that go down, packets that vanish (in a namespace of the test's own)."""

from __future__ import annotations

import threading
import time

import pytest

from jupyter_awsgpu.host import Hosts
from jupyter_awsgpu.records import KeyStore
from tests.system.tunnel.small_web import get, get_until_it_answers
from tests.system.tunnel.tunnel_case import BUSY_S, LAUNCH

pytestmark = pytest.mark.system


def test_a_link_that_goes_down_and_up_is_survived(distant, namespace):
    """The interface goes down for some seconds: answers come again within 2 s of its return."""
    port = distant.open().local_port
    assert get(port) == b"hi"
    namespace.inside("link", "set", namespace.theirs, "down")
    time.sleep(4)
    namespace.inside("link", "set", namespace.theirs, "up")
    assert get_until_it_answers(port) < 4 + BUSY_S


def test_packets_that_vanish_are_noticed_and_survived(distant, namespace):
    """A black hole: lost within 15 s, connected again within 2 s of its end."""
    port = distant.open().local_port
    namespace.drop(on=True)
    began = time.monotonic()
    distant.wait_for("lost")
    assert 5 < time.monotonic() - began < 15 + BUSY_S
    namespace.drop(on=False)
    assert get_until_it_answers(port) < 2 + BUSY_S


def test_another_address_of_our_own_is_noticed_at_once(distant, namespace):
    """The laptop roams: no keepalive has to run out before the tunnel connects from the new address."""
    port = distant.open().local_port
    assert get(port) == b"hi"
    namespace.move_us()
    assert get_until_it_answers(port) < 7 + BUSY_S
    assert "this machine's address is" in distant.log()


def test_waiting_for_ssh_notices_it_through_dropped_packets(distant, namespace, tmp_path):
    """An instance whose group swallows the first packets: connected within 0.6 s of their end."""
    namespace.drop(on=True)
    opened = []

    def open_late():
        time.sleep(2.5)
        namespace.drop(on=False)
        opened.append(time.monotonic())

    thread = threading.Thread(target=open_late)
    thread.start()
    hosts = Hosts(pins=distant.pins, keys=KeyStore(tmp_path / "keys"))
    with hosts.connect(distant.endpoint, launch_id=LAUNCH, name="gpu", wait=True, timeout_s=30):
        thread.join()
        assert time.monotonic() - opened[0] < 0.9 + BUSY_S / 6
