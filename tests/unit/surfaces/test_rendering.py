"""Pictures of values: readable in 80 columns, escaped in HTML, honest about simulation."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.model import (
    Check,
    ClusterReport,
    Cost,
    Gpu,
    InstanceState,
    InstanceType,
    Offer,
    Plan,
    Price,
    Quota,
    Wishes,
)
from jupyter_awsgpu.surfaces.answers import Instances, Token, sheet_of
from jupyter_awsgpu.surfaces.notebook import bundle
from jupyter_awsgpu.surfaces.render import checks, choosing, html, instances, spending, text
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jupyter_awsgpu.model import GuestReport, Instance, Tunnel, TunnelPhase

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J"


def lines(sheet: Sheet) -> list[str]:
    return text.draw(sheet).splitlines()


def test_instances_fit_80_columns_and_keep_name_state_price_and_address(
    instance: Callable[..., Instance], tunnel: Tunnel, report: GuestReport, now: datetime
) -> None:
    """What gives way in a narrow terminal is not what a person looks for."""
    several = (
        instance(tunnel=tunnel, guest=report),
        instance(name="a-rather-long-name", instance_type="g5.12xlarge", spot=True, price_per_hour=5.672),
    )
    drawn = lines(instances.table(several, now=now))
    assert max(map(len, drawn)) <= 80
    row = next(line for line in drawn if line.startswith("gpu "))
    for word in ("running", "$0.90/h", "localhost:8889"):
        assert word in row


def test_no_instances_show_the_three_lines_that_start_one() -> None:
    """An empty table is a beginning."""
    drawn = text.draw(instances.table(()))
    assert len(re.findall(r"^  awsgpu ", drawn, re.MULTILINE)) == 3


@pytest.mark.parametrize(
    ("phase", "reason", "said"),
    [
        ("up", None, ["further ports: localhost:6007 → 6006"]),
        ("lost", "the connection broke; reconnecting", ["has been lost since", "by itself", "the connection broke"]),
        ("gave-up", "it was terminated", ["gave up at", "it was terminated"]),
    ],
)
def test_a_table_says_how_a_tunnel_stands_since_when_and_why(
    instance: Callable[..., Instance], tunnel: Tunnel, phase: TunnelPhase, reason: str | None, said: list[str]
) -> None:
    """Nobody has to look into its log for that; further ports are named, too."""
    stands = replace(tunnel, phase=phase, reason=reason, forwards=(*tunnel.forwards, (6007, 6006)))
    notes = " ".join(instances.table([instance(tunnel=stands)]).notes)
    for words in said:
        assert words in notes


def test_a_run_is_charged_a_minute_at_least(instance: Callable[..., Instance], now: datetime) -> None:
    """EC2 bills sixty seconds for one."""
    drawn = text.draw(instances.card(instance(launched_at=now, price_per_hour=60.0), now=now))
    assert "$1.00 so far" in drawn


def test_a_stopped_instance_offers_to_start(instance: Callable[..., Instance]) -> None:
    """The card's commands are what a person wants next."""
    sheet = instances.card(instance(state=InstanceState.STOPPED, name="old"))
    assert sheet.commands == ("awsgpu start old",)


@pytest.mark.parametrize("draw", [html.draw, text.draw])
def test_nothing_from_outside_is_drawn_as_it_came(
    instance: Callable[..., Instance], draw: Callable[[Sheet], str]
) -> None:
    """Names from AWS and words of the guest carry neither markup nor control characters."""
    sheets = [
        instances.table([instance(name=HOSTILE, region=HOSTILE)]),
        instances.card(instance(name=HOSTILE, state_reason=HOSTILE, state=InstanceState.STOPPED)),
        checks.doctor([Check("x", HOSTILE, ok=False, detail=HOSTILE, remedy=HOSTILE)]),
        spending.costs([Cost(HOSTILE, HOSTILE, 1, 2, detail=HOSTILE)]),
    ]
    for sheet in sheets:
        drawn = draw(sheet)
        assert "\x1b" not in drawn or draw is html.draw
        assert "<img" not in drawn or draw is text.draw


@given(st.text(), st.text())
def test_html_escapes_whatever_a_cell_holds(words: str, small: str) -> None:
    """Only the style sheet and our own tags are markup."""
    sheet = Sheet("", (Column("x"),), ((Cell("!" + words, small=small),),))
    inner = html.draw(sheet).partition("</style>")[2]
    tags = set(re.findall(r"</?([a-zA-Z!][^\s>]*)", inner))
    assert tags <= {"div", "table", "thead", "tbody", "tr", "th", "td", "span"}


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=5))
def test_text_has_no_control_characters(words: list[str]) -> None:
    """A terminal is never steered by a name."""
    sheet = Sheet("t", (Column("x", wraps=True),), tuple((Cell(word),) for word in words))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text.draw(sheet))


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://evil.example/", "https://127.0.0.1.evil.example/"])
def test_only_our_own_addresses_become_links(address: str) -> None:
    """A link leads to this machine or is no link."""
    assert "<a " not in html.link(address)
    assert '<a href="http://127.0.0.1:8889/"' in html.link("http://127.0.0.1:8889/", "localhost:8889")


def test_a_plan_shows_each_refusal_with_its_remedy() -> None:
    """✗ stands with the command that mends it, and no launch command is offered."""
    checked = (
        Check("c", "AWS credentials", ok=True, detail="account 123456789012"),
        Check("q", "Quota", ok=False, detail="Your limit is 0.", remedy="awsgpu quota g5.xlarge --request 4"),
        Check("p", "Permissions", ok=None, detail="could not be asked"),
    )
    plan = Plan(Wishes("g5.xlarge"), "us-west-2", checked, InstanceType("g5.xlarge", 4, 16384), price=Price(1.006))
    drawn = text.draw(checks.plan(plan))
    for words in (
        "✓  AWS credentials",
        "✗  Quota",
        "?  Permissions",
        "→ awsgpu quota g5.xlarge --request 4",
        "$1.006/h",
    ):
        assert words in drawn
    assert "awsgpu launch" not in drawn


def test_a_plan_that_stands_offers_the_launch_with_its_wishes() -> None:
    """The last line is what to type next."""
    plan = Plan(Wishes("g5.xlarge", name="big", spot="prefer"), "us-west-2", ())
    assert checks.plan(plan).commands == ("awsgpu launch g5.xlarge --name big --spot=prefer",)


def test_a_plan_of_machines_by_themselves_offers_the_launch_that_counts_them() -> None:
    """Several without an engine are what `--count` makes; `--nodes` would be refused."""
    plan = Plan(Wishes("g4dn.xlarge", name="sweep", nodes=8), "us-west-2", ())
    assert checks.plan(plan).commands == ("awsgpu launch g4dn.xlarge --name sweep --count 8",)


def test_a_plan_of_several_machines_adds_them_up() -> None:
    """Price, disk and address are of all of them; the line to type asks for all of them."""
    itype = InstanceType("g4dn.xlarge", 4, 16384, Gpu("T4", 1, 16384))
    facts = {"price": Price(0.526), "disk_gb": 65, "disk_per_month": 5.2, "address_per_hour": 0.005}
    plan = Plan(Wishes("g4dn.xlarge", nodes=4, engine="dask"), "us-west-2", (), itype, **facts)  # type: ignore[arg-type]
    drawn = text.draw(checks.plan(plan))
    for words in ("4 x $0.526/h = $2.104/h", "4 x 65 GB, $20.80 a month", "$0.02/h while it runs"):
        assert words in drawn
    assert "awsgpu launch g4dn.xlarge --nodes 4 --engine dask" in drawn


def test_a_cluster_is_a_row_a_machine_and_its_sum(
    instance: Callable[..., Instance], report: GuestReport, now: datetime
) -> None:
    """The head says how many work together; one at rest and one gone are named, each with what brings it back."""
    member = {"engine": "dask", "nodes": 4, "cluster_id": "l-1"}
    at_work = replace(report, cluster=ClusterReport("dask", 0, 4, joined=2, tasks=7, present=(0, 1)))
    rows = (
        instance(**member, guest=at_work),
        instance(**member, node=1, instance_id="i-1"),
        instance(**member, node=3, instance_id="i-3", state=InstanceState.STOPPED),
    )
    table = instances.table(rows, now=now)
    assert [row[0].text for row in table.rows] == ["gpu", "gpu/1", "gpu/3"]
    drawn = " ".join(lines(table))
    assert "2 instances cost $1.80 an hour" in drawn
    assert "2 workers of 4 machines at work in Dask, 7 tasks" in drawn
    assert "gpu/2 of gpu: gone; awsgpu launch p2.xlarge --nodes 4 --engine dask" in drawn
    assert "gpu/3 of gpu: not running; awsgpu start gpu" in drawn


def test_regions_carry_ratio_and_bar() -> None:
    """The dearest has the full bar, the cheapest the ratio one."""
    itype = InstanceType("g4dn.xlarge", 4, 16384, Gpu("T4", 1, 16384))
    offers = [Offer(itype, region, (), Price(price)) for region, price in (("us-east-1", 0.5), ("ap-east-1", 1.0))]
    rows = choosing.regions(offers).rows
    assert (rows[0][2].text, rows[0][2].bar) == ("× 1.00", 0.5)
    assert (rows[1][2].text, rows[1][2].bar) == ("× 2.00", 1.0)


def test_a_retired_type_names_its_successor() -> None:
    """What AWS no longer has is never shown as offered."""
    gone = InstanceType("p2.xlarge", 4, 62464, Gpu("K80", 1, 12288), retired=True, successor="g4dn.xlarge")
    assert "retired → g4dn.xlarge" in text.draw(choosing.types([Offer(gone, "us-west-2")]))


def test_a_quota_of_zero_is_full() -> None:
    """No division, no free vCPU."""
    drawn = text.draw(choosing.quota(Quota("L-1", "P", 0, 0, "eu-west-1")))
    assert "0 vCPUs" in drawn


def test_the_simulated_aws_is_said_on_every_picture(instance: Callable[..., Instance]) -> None:
    """No picture of the demo can be taken for AWS."""
    for value in (Instances((), simulated=True), instance(demo=True), Plan(Wishes("x.y"), "r", (), demo=True)):
        sheet = sheet_of(value)
        assert sheet is not None
        drawn = bundle(sheet)
        assert "SIMULATED" in drawn["text/html"]
        assert "SIMULATED" in drawn["text/plain"]


def test_a_notebook_never_shows_a_token() -> None:
    """Neither picture nor repr of the answer holds it."""
    answer = Token("t0ps3cret")
    sheet = sheet_of(answer)
    assert sheet is not None
    assert "t0ps3cret" not in repr(answer) + str(answer) + "".join(bundle(sheet).values())


def test_a_listing_is_a_tuple(instance: Callable[..., Instance]) -> None:
    """Answers are worked with as values, and drawn as tables."""
    found = Instances([instance()])
    assert found[0].name == "gpu"
    assert len(found) == 1
    assert "GPU instances" in str(found)
