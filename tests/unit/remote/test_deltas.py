"""Which rsync serves to carry the differences of large files."""

from __future__ import annotations

import os

import pytest

from jupyter_awsgpu.remote.files import delta

HOMEBREW = "rsync  version 3.4.1  protocol version 32"
DEBIAN = "rsync  version v3.2.3  protocol version 31"
TOO_OLD = "rsync  version 3.0.9  protocol version 30"
MACOS = "rsync  version 2.6.9  protocol version 29"
NEWER_MACOS = "openrsync: protocol version 29\nrsync version 2.6.9 compatible"


@pytest.mark.skipif(os.name != "posix", reason="rsync takes part on POSIX alone")
@pytest.mark.parametrize(
    ("says", "serves"),
    [(HOMEBREW, True), (DEBIAN, True), (TOO_OLD, False), (MACOS, False), (NEWER_MACOS, False), ("", False)],
)
def test_an_rsync_serves_if_it_knows_the_options(tmp_path, monkeypatch, says, serves):
    """It says so itself by its version: a name on the path is no promise."""
    script = tmp_path / "rsync"
    script.write_text(f"#!/bin/sh\n[ $# = 1 ] && [ $1 = --version ] && echo '{says}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert delta.available() is serves
