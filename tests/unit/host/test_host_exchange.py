"""The first host key gives way to the instance's own, and no kill on the way locks anybody out."""

import contextlib
import json

import pytest

from jupyter_awsgpu.errors import HostKeyWrong, RemoteCommandFailed
from jupyter_awsgpu.host import Result, exchange_host_key, generate_host_key
from jupyter_awsgpu.records import Pins

LAUNCH = "l-00000000000000aa"
FIRST = generate_host_key()[1]
OWN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


class Killed(BaseException):
    """The process ended here."""


class Instance:
    """An instance with the guest's two verbs; `dies_at` ends our process before or after a step."""

    name = "gpu"

    def __init__(self, pins, *, dies_at="", offers=None):
        self.serves, self.pins, self.dies_at, self.offers = {FIRST}, pins, dies_at, offers
        self.said = []

    def run(self, command, *, sudo):
        assert sudo
        verb = command[-1]
        self._maybe_die(f"before {verb}")
        self.said.append(verb)
        if verb == "offer":
            self.serves.add(OWN)
        elif verb == "confirm":
            self.serves = {OWN}
        self._maybe_die(f"after {verb}")
        answer = {"public": OWN + " root@ip-10-0-0-1"} if self.offers is None else self.offers
        return Result(0, json.dumps(answer).encode(), b"")

    @contextlib.contextmanager
    def again(self, accepting):
        self._maybe_die("before check")
        if not set(accepting) & self.serves:
            raise HostKeyWrong(name="gpu", address="x", expected="x", got="y")
        yield
        self._maybe_die("after check")

    def _maybe_die(self, step):
        if step == self.dies_at:
            raise Killed


@pytest.fixture
def pins(tmp_path):
    pins = Pins(tmp_path)
    pins.write(LAUNCH, (FIRST,))
    return pins


def test_the_own_key_alone_is_pinned_at_the_end(pins):
    """Both sides know the new key and no other."""
    instance = Instance(pins)
    assert exchange_host_key(instance, pins, LAUNCH) == OWN
    assert pins.read(LAUNCH) == (OWN,)
    assert instance.serves == {OWN}


def test_once_exchanged_nothing_is_asked(pins):
    """Every connect calls it: it must cost nothing."""
    pins.write(LAUNCH, (OWN,))
    instance = Instance(pins)
    assert exchange_host_key(instance, pins, LAUNCH) == OWN
    assert instance.said == []


@pytest.mark.parametrize(
    "step", ["before offer", "after offer", "before check", "after check", "before confirm", "after confirm"]
)
def test_a_kill_at_any_step_leaves_a_key_that_verifies(pins, step):
    """What is pinned always includes something the instance serves, and a second run finishes."""
    instance = Instance(pins, dies_at=step)
    with pytest.raises(Killed):
        exchange_host_key(instance, pins, LAUNCH)
    assert set(pins.read(LAUNCH)) & instance.serves
    instance.dies_at = ""
    exchange_host_key(instance, pins, LAUNCH)
    assert pins.read(LAUNCH) == (OWN,)
    assert instance.serves == {OWN}


@pytest.mark.parametrize("answer", [{}, {"public": FIRST}, {"public": "x"}, {"public": None}, [1]])
def test_an_offer_that_is_no_ed25519_key_changes_nothing(pins, answer):
    """Whatever the guest prints, the pins stay."""
    with pytest.raises(RemoteCommandFailed, match="offered no host key"):
        exchange_host_key(Instance(pins, offers=answer), pins, LAUNCH)
    assert pins.read(LAUNCH) == (FIRST,)


def test_an_instance_that_does_not_hold_what_it_offers_is_not_confirmed(pins):
    """The check fails before the first key is given up."""
    other = "ssh-ed25519 " + OWN.split()[1].replace("IOMq", "IOMr")
    instance = Instance(pins, offers={"public": other})
    with pytest.raises(HostKeyWrong):
        exchange_host_key(instance, pins, LAUNCH)
    assert instance.said == ["offer"]
    assert FIRST in pins.read(LAUNCH)
