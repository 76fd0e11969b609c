"""Who may reach an instance: the blocks that were named, or this laptop's own address, wherever it is now."""

from __future__ import annotations

import http.server
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import BadValue, SshUnreachable
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.verbs.connect import connect, disconnect
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.plan import plan
from tests.behaviour.cloud.account import new_clouds
from tests.behaviour.cloud.test_keys_and_groups import rules, ssh
from tests.behaviour.verbs.hosts_that_answer import HostsThatAnswer, HostThatAnswers, answering
from tests.behaviour.verbs.test_plan import assert_nothing_was_changed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_awsgpu.model import Endpoint, Instance
    from jupyter_awsgpu.verbs.workbench import Workbench
    from tests.behaviour.cloud.test_keys_and_groups import Rule
    from tests.behaviour.verbs.conftest import Desk


class Whereabouts:
    """Stands for AWS's page that says at which address it sees one; a laptop that roams is seen at another."""

    def __init__(self) -> None:
        self.address = "192.0.2.1"
        whereabouts = self

        class Says(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(whereabouts.address.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class HostsBehindTheGroup(HostsThatAnswer):
    """Stands for `host.Hosts`: an instance answers only whom the rules of its groups let in."""

    def __init__(self, desk: Desk, whereabouts: Whereabouts) -> None:
        super().__init__()
        self._cloud, self._whereabouts = desk.bench.cloud(), whereabouts

    def connect(self, endpoint: Endpoint, *, launch_id: str, name: str, **how: Any) -> HostThatAnswers:
        """Return the host, if the laptop's address is among those that are let in."""
        groups = self._cloud.instance(endpoint.instance_id).security_groups
        let_in = {block for group in groups for _protocol, _first, _last, block, _whose in rules(self._cloud, group)}
        if f"{self._whereabouts.address}/32" not in let_in:
            raise SshUnreachable(name=name, address=endpoint.address, port=endpoint.port, why="no answer")
        return super().connect(endpoint, launch_id=launch_id, name=name, **how)


@pytest.fixture
def whereabouts() -> Iterator[Whereabouts]:
    """Say where the laptop is."""
    page = Whereabouts()
    yield page
    page.close()


@pytest.fixture
def bench(desk: Desk, whereabouts: Whereabouts) -> Iterator[Workbench]:
    """Return a workbench whose instances answer whom their groups let in."""
    desk.aws.set(pending_s=0.0)
    with answering(desk.bench) as bench:
        yield replace(bench, hosts=HostsBehindTheGroup(desk, whereabouts))  # type: ignore[arg-type]


def a_new_process(bench: Workbench, desk: Desk, whereabouts: Whereabouts, records: Records | None = None) -> Workbench:
    """Return the workbench as the next command has it, which asks anew where the laptop is."""
    mine = records or bench.records
    clouds = new_clouds(desk.aws, mine.root / "cache", address_url=whereabouts.url)
    return replace(bench, clouds=clouds, records=mine)


def rules_of(bench: Workbench, instance: Instance) -> set[Rule]:
    """Return the rules of the instance's one group."""
    (group,) = instance.security_groups
    return rules(bench.cloud(), group)


def test_connect_lets_in_the_address_that_the_laptop_has_now(
    bench: Workbench, desk: Desk, whereabouts: Whereabouts, tmp_path: Path
) -> None:
    """Elsewhere than at the launch, this client's rule is replaced, the other laptop's stays, and no other is made."""
    box = launch(a_new_process(bench, desk, whereabouts), desk.wish(name="mine"), yes=True)
    other, mine = Records(tmp_path / "other"), bench.records.client_id
    whereabouts.address = "203.0.113.5"
    launch(a_new_process(bench, desk, whereabouts, other), desk.wish(name="theirs"), yes=True)
    theirs = ssh("203.0.113.5/32", other.client_id)
    assert rules_of(bench, box) == {ssh("192.0.2.1/32", mine), theirs}
    whereabouts.address = "198.51.100.7"
    elsewhere = a_new_process(bench, desk, whereabouts)
    disconnect(elsewhere, "mine")
    assert connect(elsewhere, "mine").tunnel is not None
    assert rules_of(bench, box) == {ssh("198.51.100.7/32", mine), theirs}


def test_connect_from_the_same_address_changes_no_rule(bench: Workbench, desk: Desk, whereabouts: Whereabouts) -> None:
    """Where the instance answers nothing is asked of its group."""
    launch(a_new_process(bench, desk, whereabouts), desk.wish(name="mine"), yes=True)
    again, before = a_new_process(bench, desk, whereabouts), len(desk.aws.calls())
    disconnect(again, "mine")
    connect(again, "mine")
    assert not [name for name in desk.aws.operations()[before:] if "Ingress" in name]


def test_a_launch_opens_ssh_to_the_blocks_that_were_named_and_nothing_else(bench: Workbench, desk: Desk) -> None:
    """Several, of both kinds of address; the laptop's own is not among them."""
    bench.settings.allow_from = "198.51.100.0/24, 192.0.2.9, 2001:db8::/64"
    blocks = ("198.51.100.0/24", "192.0.2.9/32", "2001:db8::/64")
    run = replace(bench, hosts=HostsThatAnswer())  # type: ignore[arg-type]
    box = launch(run, desk.wish(name="mine"), yes=True)
    assert rules_of(bench, box) == {ssh(block, bench.records.client_id) for block in blocks}


@pytest.mark.parametrize(
    ("allow_from", "own_group", "said"),
    [
        ("", False, "SSH from this machine's address only"),
        ("198.51.100.0/24, 192.0.2.9", False, "SSH from 198.51.100.0/24, 192.0.2.9/32 only"),
        ("198.51.100.0/24", True, "SSH as the security group {group} allows it"),
    ],
)
def test_a_launch_says_who_is_let_in(bench: Workbench, desk: Desk, allow_from: str, own_group: bool, said: str) -> None:
    """This machine, the blocks that were named in its place, or whom a group of the person's own lets in."""
    group = None
    if own_group:
        group = desk.bench.cloud().place.ec2.create_security_group(GroupName="own", Description="own")["GroupId"]
    bench.settings.allow_from = allow_from
    run = replace(bench, hosts=HostsThatAnswer())  # type: ignore[arg-type]
    launch(run, desk.wish(name="mine", security_group=group), yes=True)
    (told,) = {event.text for event in desk.heard if event.text.startswith("Key ") and "; SSH" in event.text}
    assert told.endswith(f"; {said.format(group=group)}")


@pytest.mark.parametrize("text", ["everybody", "203.0.113.7/33", "203.0.113.7/24", "192.0.2.1/32,", "::1/129"])
def test_what_names_nobody_is_refused_before_anything_is_made(bench: Workbench, desk: Desk, text: str) -> None:
    """Neither key pair nor group nor instance, and `plan` says it, too."""
    bench.settings.allow_from = text
    with pytest.raises(BadValue, match="CIDR blocks such as") as refused:
        launch(bench, desk.wish(name="mine"), yes=True)
    assert text in refused.value.message
    assert_nothing_was_changed(desk.aws)
    said = plan(bench, desk.wish(name="mine"))
    assert [check.error for check in said.checks if check.ok is False] == ["bad-value"]
