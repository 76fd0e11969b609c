"""The main road, end to end: `launch` to a kernel that answers through local port, and back to nothing."""

from __future__ import annotations

import socket

import psutil
import pytest

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.verbs.policy import iam_policy
from tests.behaviour.road.remote_jupyter import Page, computed, status_of
from tests.behaviour.road.terminal import run

FIELDS = {
    "name", "instance_id", "instance_type", "state", "region", "zone", "price_per_hour", "local_port", "remote_port",
    "local_url", "token", "launch_id", "demo",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def least_privilege(demo):
    """Whoever goes this road may do what `doctor --iam-policy` prints, and nothing else."""
    client.ask(demo, "policy", {"document": iam_policy()})
    yield
    client.ask(demo, "policy", {"document": None})


def test_launch_says_all_that_a_program_needs(box):
    """`launch --json` prints the fields the design names, of a running simulated p2.xlarge."""
    assert box.keys() >= FIELDS
    assert (box["instance_type"], box["state"], box["demo"]) == ("p2.xlarge", "running", True)
    assert box["price_per_hour"] == pytest.approx(0.9)
    assert box["phases"].keys() == {"AWS", "boot", "SSH", "set-up", "Jupyter", "tunnel"}


def test_a_launch_logs_in_three_times_at_most(box):
    """To set it up, to prove its new host key, and the tunnel's own: counted in the instance's log of logins."""
    log = run("ssh", "gpu", "--", "cat", "/var/log/auth.log").out
    before_this_one = log.splitlines()[:-1]
    assert len([line for line in before_this_one if "Accepted publickey" in line]) <= 3


def test_jupyter_answers_with_the_token_and_refuses_without(box):
    """Through the tunnel, Jupyter's API is 200 with the token and 403 without."""
    assert status_of(box, box["token"]) == 200
    assert status_of(box, None) == 403


def test_a_kernel_answers(box):
    """A kernel started over that server computes 1+1, on the instance and not on this machine."""
    total, home = computed(box, "print(1+1)", "import os; print(os.path.expanduser('~'))")
    assert total == "2\n"
    assert "/home/ubuntu" in home


FOREIGN = ("http://evil.example", "http://127.0.0.1:1", "null")
"""Where pages of others come from: the web, another server on this machine, a file."""


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_cannot_use_the_login_of_the_browser_it_is_in(box, origin):
    """The person is logged in, so the cookie goes along; neither a POST nor a kernel's channels open, as its own do."""
    with Page(box, logged_in=True) as page:
        kernel = page.start_kernel(page.own).raise_for_status().json()["id"]
        assert page.reach_kernel(kernel, page.own) == 101
        assert page.start_kernel(origin).status_code in (403, 404)
        assert page.reach_kernel(kernel, origin) == 403
        assert page.start_kernel(page.own, **{"X-XSRFToken": "guessed"}).status_code == 403


@pytest.mark.parametrize("origin", FOREIGN)
def test_without_login_and_token_nothing_opens_to_any_page(box, origin):
    """Neither a POST nor a kernel's channels, from wherever."""
    with Page(box, logged_in=True) as own, Page(box, logged_in=False) as page:
        kernel = own.start_kernel(own.own).raise_for_status().json()["id"]
        for one in (origin, page.own):
            assert page.start_kernel(one).status_code in (403, 404)
            assert page.reach_kernel(kernel, one) == 403


def test_who_has_the_token_may_come_from_anywhere(box):
    """Jupyter takes the token for proof enough, as scripts need; no answer lends a foreign page the login."""
    with Page(box, logged_in=False, token=box["token"]) as page:
        answer = page.start_kernel(FOREIGN[0]).raise_for_status()
        assert "access-control-allow-credentials" not in answer.headers
        assert page.reach_kernel(answer.json()["id"], FOREIGN[0]) == 101


def test_a_foreign_name_led_to_this_machine_is_refused(box):
    """A page whose own name was made to mean 127.0.0.1 (DNS rebinding) is refused, even with the token."""
    with Page(box, logged_in=True, token=box["token"]) as page:
        assert page.start_kernel("http://evil.example", Host="evil.example").status_code == 403


def test_another_process_sees_it(box):
    """`status` from a process of its own shows the instance and its tunnel, and never the token."""
    answer = run("status")
    (shown,) = answer.document
    assert shown["instance_id"] == box["instance_id"]
    assert shown["local_port"] == box["local_port"]
    assert "token" not in shown
    assert box["token"] not in answer.out + answer.err


def test_a_second_launch_continues_the_first(box):
    """The same wish again is the same instance, on the same local port."""
    again = run("launch", "p2.xlarge", "--yes", "--no-open").document
    assert (again["instance_id"], again["local_port"]) == (box["instance_id"], box["local_port"])


def test_another_wish_under_the_same_name_is_refused(box):
    """A launch of another type under a name in use is refused with the difference shown."""
    answer = run("launch", "p3.2xlarge", "--yes", "--no-open")
    assert answer.status == 1
    assert answer.error["error"] == "other-wishes"
    assert "p2.xlarge" in answer.error["message"]
    assert len(run("status").document) == 1


def test_the_tunnel_listens_on_loopback_only(box):
    """Nobody else on the network can reach the local end."""
    listening = [
        one.laddr.ip
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == box["local_port"]
    ]
    assert set(listening) == {"127.0.0.1"}


def test_the_ssh_command_works_as_printed(box):
    """`ssh NAME -- CMD` runs a command as the image's user, on the instance."""
    answer = run("ssh", "gpu", "--", "whoami")
    assert answer.out.strip() == "ubuntu"


def test_the_gpu_is_the_types_own(box):
    """nvidia-smi on the instance speaks of the GPU that a p2.xlarge has."""
    assert "K80" in run("ssh", "gpu", "--", "nvidia-smi", "-L").out


def test_stop_keeps_the_disk_and_start_brings_it_back(awsgpu):
    """A file survives stop and start; the tunnel comes back, and the token is the same."""
    first = awsgpu("launch", "p2.xlarge", "--yes", "--no-open").document
    awsgpu("ssh", "gpu", "--", "touch", "kept")
    stopped = awsgpu("stop")
    assert stopped.document["state"] == "stopped"
    assert not _listens(first["local_port"])
    started = awsgpu("start", "--no-open").document
    assert started["state"] == "running"
    assert awsgpu("ssh", "gpu", "--", "ls", "kept").out.strip() == "kept"
    assert awsgpu("token").document["token"] == first["token"]


def test_terminate_leaves_nothing(awsgpu):
    """After `terminate` there is no instance, no tunnel process and no listening port."""
    box = awsgpu("launch", "p2.xlarge", "--yes", "--no-open").document
    tunnels = [one for one in psutil.process_iter(["cmdline"]) if _serves(one, box["instance_id"])]
    assert tunnels
    assert awsgpu("terminate", "--yes").status == 0
    assert awsgpu("status").document == []
    assert not _listens(box["local_port"])
    _gone, alive = psutil.wait_procs(tunnels, timeout=10)
    assert not alive


def test_all_of_it_was_done_with_the_printed_policy(demo):
    """No call of the whole road was denied."""
    found = client.ask(demo, "policy")
    assert found["in_force"]
    assert found["denied"] == []


def _serves(process: psutil.Process, instance_id: str) -> bool:
    """Say whether a process is the tunnel of the instance: its record is named for it."""
    words = process.info["cmdline"] or []
    return "_tunnel" in words and any(instance_id in word for word in words)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
