"""Where packages come from: apt's sources, conda's channels, as data; and the settings that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu import settings
from jupyter_awsgpu.guest import apt, environment
from jupyter_awsgpu.verbs.mirrors import guest_settings

if TYPE_CHECKING:
    from pathlib import Path

MIRROR = "https://mirror.example/ubuntu"
DEB822 = """\
Types: deb
URIs: http://us-west-2.ec2.archive.ubuntu.com/ubuntu/
Suites: noble noble-updates
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

Types: deb
URIs: http://security.ubuntu.com/ubuntu
Suites: noble-security
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("deb http://archive.ubuntu.com/ubuntu jammy main", f"deb {MIRROR} jammy main"),
        ("deb http://eu-west-1.ec2.archive.ubuntu.com/ubuntu/ jammy main", f"deb {MIRROR}/ jammy main"),
        ("deb [arch=amd64] https://security.ubuntu.com/ubuntu x main", f"deb [arch=amd64] {MIRROR} x main"),
        ("deb http://ports.ubuntu.com/ubuntu-ports jammy main", None),
        ("deb https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/x86_64 /", None),
        ("deb http://archive.ubuntu.com/ubuntu-other x main", None),
        (DEB822, DEB822.replace("http://us-west-2.ec2.archive.ubuntu.com/ubuntu/", f"{MIRROR}/").replace(
            "http://security.ubuntu.com/ubuntu", MIRROR)),
    ],
)  # fmt: skip
def test_ubuntus_archives_are_replaced_and_nothing_else(before: str, after: str | None) -> None:
    """Both formats of apt's sources; run again, nothing changes."""
    fresh = apt.mirrored(before, MIRROR + "/")
    assert fresh == (after or before)
    assert apt.mirrored(fresh, MIRROR) == fresh


def test_the_sources_of_the_machine_are_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of apt's sources, and only where a mirror is set."""
    monkeypatch.setenv("AWSGPU_ROOT", str(tmp_path))
    one, other = tmp_path / "etc/apt/sources.list", tmp_path / "etc/apt/sources.list.d/ubuntu.sources"
    other.parent.mkdir(parents=True)
    one.write_text("deb http://archive.ubuntu.com/ubuntu jammy main\n")
    other.write_text(DEB822)
    apt.use_mirror("")
    assert other.read_text() == DEB822
    apt.use_mirror(MIRROR)
    assert one.read_text() == f"deb {MIRROR} jammy main\n"
    assert "ubuntu.com" not in other.read_text()


NAMED = "name: x\nchannels:\n  - defaults\n- pytorch\n\n# what for\ndependencies:\n  - numpy\n"
PLAIN = "dependencies:\n  - numpy\n"


@pytest.mark.parametrize(
    ("document", "channel", "expected"),
    [
        (PLAIN, "", "channels:\n  - conda-forge\n  - nodefaults\n" + PLAIN),
        (PLAIN, "https://m.example/c", "channels:\n  - https://m.example/c\n  - nodefaults\n" + PLAIN),
        (NAMED, "", NAMED),
        (NAMED, "mine", "channels:\n  - mine\n  - nodefaults\nname: x\ndependencies:\n  - numpy\n"),
        ("---\n" + PLAIN, "mine", "channels:\n  - mine\n  - nodefaults\n" + PLAIN),
        ("channels: [a, b]\n" + PLAIN, "mine", "channels:\n  - mine\n  - nodefaults\n" + PLAIN),
    ],
)
def test_conda_is_told_one_channel(document: str, channel: str, expected: str) -> None:
    """The setting's channel and no other; without one the file's own, else conda-forge; never `defaults` unasked."""
    assert environment.from_channel(document, channel) == expected


def test_the_settings_reach_the_guest() -> None:
    """What is set is sent, what is empty is not."""
    assert guest_settings(settings.load({})) == {"pip_index": None, "mirror": {}}
    given = {"apt_mirror": MIRROR, "conda_channel": "mine", "pip_index": "https://p.example/simple"}
    assert guest_settings(settings.load(given)) == {
        "pip_index": "https://p.example/simple",
        "mirror": {"apt": MIRROR, "conda_channel": "mine"},
    }
