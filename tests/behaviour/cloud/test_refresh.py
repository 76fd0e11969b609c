"""The catalogue is made anew from AWS's answers, in the form it is read in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.refresh import main, refresh

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from jupyter_awsgpu.cloud import Clouds


def test_what_is_written_is_what_is_read(clouds: Clouds, tmp_path: Path) -> None:
    """Same rows, today's regions and prices, the regions that were not asked untouched."""
    folder = tmp_path / "data"
    folder.mkdir()
    written, refused = refresh(clouds, ("us-west-2", "eu-west-1"), folder)
    assert not refused
    assert [path.name for path in written] == ["types.json", "prices.json"]
    types = json.loads((folder / "types.json").read_text(encoding="utf-8"))
    assert types["types"]["p2.xlarge"]["regions"] == ["us-west-2"]
    assert types["types"]["p2.xlarge"].keys() == catalogue.document("types")["types"]["g5.xlarge"].keys()
    prices = json.loads((folder / "prices.json").read_text(encoding="utf-8"))["regions"]
    assert prices["us-west-2"]["types"]["p2.xlarge"] == [0.9, "live"]
    assert prices["cn-north-1"] == catalogue.document("prices")["regions"]["cn-north-1"]


def test_without_credentials_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the reason is one sentence."""
    assert main(["--region", "us-west-2", "--into", str(tmp_path)]) == 1
    assert "No AWS credentials" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
