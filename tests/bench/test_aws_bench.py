"""The launch's figures, printed by `dev.py bench`; counts are asserted, times are only shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo import client

if TYPE_CHECKING:
    import pytest

sys.path.insert(0, str(Path(__file__).parent))
import aws_bench

COUNTS = (
    "calls until RunInstances",
    "calls one after another until RunInstances",
    "RunInstances more after one full zone",
    "RunInstances where the quota is 0 and was not a moment ago",
    "changing calls where the quota is known to be 0",
    "instances after three throttles of RunInstances",
)


def test_a_launch_asks_no_more_than_it_must(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Calls until RunInstances, their chain, and what a full zone or an empty quota adds."""
    account = aws_bench.Account(tmp_path, latency_ms=100)
    try:
        figures = aws_bench.measure(account, rounds=3)
    finally:
        client.down(tmp_path / "aws")
    with capsys.disabled():
        sys.stdout.write("\n" + aws_bench.table(figures) + "\n")
    for name in COUNTS:
        assert figures[name] <= aws_bench.GOALS[name], name


def test_the_lower_bound_is_a_short_script_of_five_calls(tmp_path: Path) -> None:
    """What one is measured against must not be padded."""
    account = aws_bench.Account(tmp_path, latency_ms=0)
    try:
        account.set(pending_s=0)
        account.launch()
        before = account.calls()[-1]["number"]
        account.least()
        made = [call["operation"] for call in client.ask(account.status, f"calls?since={before}")]
    finally:
        client.down(tmp_path / "aws")
    least = made[made.index("RunInstances") - 3 : made.index("RunInstances") + 2]
    assert sorted(least[:3]) == ["DescribeImages", "DescribeKeyPairs", "DescribeSecurityGroups"]
    assert least[3:] == ["RunInstances", "DescribeInstances"]
    lines = Path(aws_bench.lower_bound.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40


def test_the_first_launchs_lower_bound_is_a_short_script_of_eight_calls(tmp_path: Path) -> None:
    """The same of the bound for an empty account."""
    account = aws_bench.Account(tmp_path, latency_ms=0)
    try:
        account.set(pending_s=0)
        before = account.calls()[-1]["number"] if account.calls() else 0
        account._least_first()
        made = [call["operation"] for call in client.ask(account.status, f"calls?since={before}")]
    finally:
        client.down(tmp_path / "aws")
    assert len(made) == 8
    lines = Path(aws_bench.first_bound.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
