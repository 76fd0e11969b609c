"""An environment is frozen so that another machine can fetch it."""

from importlib import metadata

import pytest

from jupyter_awsgpu.errors import BadValue
from jupyter_awsgpu.verbs.environment import freeze, read_environment


def installed(folder, name, version, *, direct=False):
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if direct:
        (info / "direct_url.json").write_text('{"url": "file:///home/me/src"}')
    return metadata.Distribution.at(info)


def test_a_local_install_is_named_and_left_out(tmp_path):
    """What no index has cannot travel: it is said, not silently dropped."""
    found = freeze([installed(tmp_path, "mine", "0.1", direct=True), installed(tmp_path, "numpy", "2.1.0")])
    assert found.skipped == ("mine",)
    assert found.text == "# not from a package index, left out: mine\nnumpy==2.1.0\n"


def test_a_wheel_for_this_platform_is_loosened(tmp_path):
    """A +cpu build is pinned to its public version: the instance takes its own build."""
    assert freeze([installed(tmp_path, "torch", "2.6.0+cpu")]).text == "torch==2.6.0\n"


def test_this_very_environment_can_be_frozen():
    """`--env local` lists what is installed here, and not ourselves."""
    found = read_environment("local")
    assert "pytest==" in found.text
    assert "jupyter-awsgpu==" not in found.text


@pytest.mark.parametrize("wish", ["absent.txt", "notes.md", ""])
def test_what_is_no_list_of_packages_is_refused(wish):
    """A file that is not there, or of another kind, is refused before anything is asked."""
    with pytest.raises(BadValue):
        read_environment(wish)


def test_a_file_is_taken_by_its_kind(tmp_path):
    """environment.yaml and environment.yml are the same to the guest."""
    path = tmp_path / "my.yaml"
    path.write_text("dependencies: [numpy]\n")
    assert read_environment(str(path)).file == "environment.yml"
