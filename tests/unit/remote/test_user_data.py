"""User-data: its size, its first act, and that what travels is still the program."""

from __future__ import annotations

import ast
import base64
import builtins
import gzip
import json
import lzma
import symtable
from importlib.resources import files
from typing import Any

import pytest

from jupyter_awsgpu.guest import driver
from jupyter_awsgpu.host import generate_host_key
from jupyter_awsgpu.remote.pack import first_part
from jupyter_awsgpu.remote.user_data import LIMIT_BYTES, GuestConfig, table_in_short, user_data

CONFIG = GuestConfig("gpu", "l-0123456789abcdef", "ubuntu", price_per_hour=0.9, budget=5, version="1.2.3")
LARGEST = GuestConfig(
    "a-name-that-is-rather-long",
    "l-0123456789abcdef",
    "ubuntu",
    idle_stop_minutes=1440,
    max_hours=167.5,
    budget=123.45,
    price_per_hour=113.9328,
    remote_port=18888,
    python="miniforge",
    cuda="12.6",
    environment="environment.yml",
    pip_index="https://mirrors.tuna.tsinghua.edu.cn/pypi/web/simple",
    mirror={
        "apt": "https://mirrors.tuna.tsinghua.edu.cn/ubuntu",
        "conda_channel": "https://mirrors.tuna.tsinghua.edu.cn/anaconda/cloud/conda-forge",
    },
    engine="dask",
    nodes=64,
    version="0.1.0.dev20261123",
)
GPUS = json.loads(files("jupyter_awsgpu.guest").joinpath("gpus.json").read_text())


def document(config: GuestConfig = CONFIG) -> dict[str, Any]:
    text = gzip.decompress(user_data(config, generate_host_key(), "ubuntu")).decode()
    assert text.startswith("#cloud-config\n")
    found: dict[str, Any] = json.loads(text.partition("\n")[2])
    return found


def test_all_that_is_needed_without_the_laptop_fits_into_twelve_kilobytes() -> None:
    """Raw (gzipped) bytes, with every option and mirrors set."""
    assert LIMIT_BYTES == 12288
    assert len(user_data(LARGEST, generate_host_key(), "ubuntu")) < LIMIT_BYTES


def test_both_shutdowns_are_armed_before_anything_else() -> None:
    """The first commands of the boot: the cap in minutes, then the idle stop of a machine nobody comes to."""
    cap, lonely = document()["bootcmd"][:2]
    assert "shutdown" in cap[2]
    assert cap[3:] == ["arm", str(int(5 / 0.9 * 60) + 1)]
    assert lonely[2].endswith(cap[2])
    assert lonely[3:] == ["arm", "60", "lonely"]


def test_one_machine_by_itself_is_told_nothing_of_clusters() -> None:
    """Engine and number of nodes travel where there are several, and only there."""
    assert not {"engine", "nodes"} & set(json.loads(CONFIG.document()))
    assert json.loads(LARGEST.document()).items() >= {"engine": "dask", "nodes": 64}.items()


def test_no_limits_arm_nothing() -> None:
    """`--max-hours none --idle-stop none` leave the guards out."""
    none = GuestConfig("gpu", "l-1", "ubuntu", max_hours=None, idle_stop_minutes=None)
    assert len(document(none)["bootcmd"]) == 1


def test_the_first_host_key_travels_and_no_secret_else() -> None:
    """One ECDSA key pair, no token, no key of the person's."""
    found = document()
    assert set(found["ssh_keys"]) == {"ecdsa_private", "ecdsa_public"}
    assert "token" not in json.dumps([entry for entry in found["write_files"] if entry["path"].endswith(".json")])


def test_the_first_part_is_one_program_of_python_3_8() -> None:
    """It imports the standard library only, and every name it uses is one that it has."""
    packed = next(entry for entry in document()["write_files"] if entry["path"].endswith("first.xz"))
    text = lzma.decompress(base64.b64decode(packed["content"])).decode()
    assert text == first_part()
    tree = ast.parse(text, feature_version=(3, 8))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    scope: dict[str, Any] = {}
    exec(compile(text, "first", "exec"), scope)  # noqa: S102 - as main.py does
    assert callable(scope["main"])
    assert _loose_names(text) - {*scope, *dir(builtins)} == {"__file__", "supervisor__Supervisor"}


def test_the_first_part_says_what_it_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    """A verb of the whole program, asked too early."""
    scope: dict[str, Any] = {}
    exec(compile(first_part(), "first", "exec"), scope)  # noqa: S102 - as main.py does
    assert scope["main"](["keep", "2"]) == 1
    assert "not brought" in capsys.readouterr().err


@pytest.mark.parametrize("model", [row["model"] for row in GPUS["gpus"]])
def test_the_short_table_chooses_as_the_whole_one(model: str) -> None:
    """Every GPU gets the same driver before the laptop has come and after."""
    ids = next(row["pci"] for row in GPUS["gpus"] if row["model"] == model)
    short = json.loads(json.dumps(table_in_short()))
    for one in ids:
        assert driver.choose([one], short) == driver.choose([one], GPUS)


def _loose_names(text: str) -> set[str]:
    """Return the global names that functions of the text ask for."""
    found: set[str] = set()
    waiting = [symtable.symtable(text, "first", "exec")]
    while waiting:
        table = waiting.pop()
        found |= {one.get_name() for one in table.get_symbols() if one.is_referenced() and one.is_global()}
        waiting += table.get_children()
    return found
