"""The child that asks AWS: what it finds comes back as it was."""

import sys
from pathlib import Path

import pytest

from jupyter_awsgpu.errors import AwsGpuError, InstanceGone
from jupyter_awsgpu.model import Endpoint
from jupyter_awsgpu.tunnel.asking import ask

HEAD = (
    "import sys; from pathlib import Path; from jupyter_awsgpu.tunnel.asking import answer;"
    "from jupyter_awsgpu.errors import *; from jupyter_awsgpu.model import Endpoint\n"
)


def _child(body):
    return [sys.executable, "-c", f"{HEAD}def locate():\n    {body}\nprint('noise'); sys.exit(answer(locate))"]


def test_an_address_comes_back():
    """Every part of the endpoint, noise on the way notwithstanding."""
    where = Endpoint("i-1", "203.0.113.7", 2222, "ubuntu", Path("/k e y"), "bastion")
    made = "return Endpoint('i-1', '203.0.113.7', 2222, 'ubuntu', Path('/k e y'), 'bastion')"
    assert ask(_child(made)) == where


def test_an_end_comes_back_as_an_end():
    """The tunnel gives up for it, with the same words."""
    with pytest.raises(InstanceGone, match="gpu has ended: terminated"):
        ask(_child("raise InstanceGone(name='gpu', why='terminated')"))


def test_trouble_comes_back_in_its_own_words():
    """It is logged, and asked again later."""
    with pytest.raises(AwsGpuError, match="AWS does not answer at x"):
        ask(_child("raise AwsUnreachable(endpoint='x')"))


@pytest.mark.parametrize("argv", [[sys.executable, "-c", "1/0"], ["/nowhere/python"], [sys.executable, "-c", ""]])
def test_a_child_that_fails_is_trouble_too(argv):
    """A mistake there is no mistake here."""
    with pytest.raises(AwsGpuError, match="asking where the instance is failed"):
        ask(argv)
