"""User-data: its size, its first act, and that what travels is still the program."""

from __future__ import annotations

import ast
import gzip
import json
from importlib.resources import files

import pytest

from jupyter_awsgpu.host import generate_host_key
from jupyter_awsgpu.remote.user_data import LIMIT_BYTES, SEED, GuestConfig, bare, user_data

CONFIG = GuestConfig("gpu", "l-0123456789abcdef", "ubuntu", price_per_hour=0.9, budget=5, version="1.2.3")


def document(config: GuestConfig = CONFIG) -> dict:
    text = gzip.decompress(user_data(config, generate_host_key(), "ubuntu")).decode()
    assert text.startswith("#cloud-config\n")
    return json.loads(text.partition("\n")[2])


def test_it_is_well_below_its_limit() -> None:
    """Raw (gzipped) bytes, with the longest of everything."""
    long = GuestConfig("n" * 60, "l-0123456789abcdef", "u" * 30, environment="e" * 60, pip_index="https://" + "x" * 200)
    assert len(user_data(long, generate_host_key(), "ubuntu")) < LIMIT_BYTES


def test_the_shutdown_is_armed_before_anything_else() -> None:
    """The first command of the boot is the guard, with the cap in minutes."""
    first = document()["bootcmd"][0]
    assert "shutdown" in first[2]
    assert first[-1] == str(int(5 / 0.9 * 60) + 1)


def test_no_cap_arms_nothing() -> None:
    """`--max-hours none` leaves the guard out."""
    commands = document(GuestConfig("gpu", "l-1", "ubuntu", max_hours=None))["bootcmd"]
    assert len(commands) == 1


def test_the_first_host_key_travels_and_no_secret_else() -> None:
    """One ECDSA key pair, no token, no key of the person's."""
    found = document()
    assert set(found["ssh_keys"]) == {"ecdsa_private", "ecdsa_public"}
    assert "token" not in json.dumps([entry for entry in found["write_files"] if entry["path"].endswith(".json")])


@pytest.mark.parametrize("name", [name for name in SEED if name.endswith(".py")])
def test_taking_the_comments_out_leaves_the_program(name: str) -> None:
    """The bare source parses to the same program without docstrings."""
    source = files("jupyter_awsgpu.guest").joinpath(name).read_text()
    kept = ast.parse(bare(source))
    wanted = ast.parse(source)
    assert _names(kept) == _names(wanted)
    assert len(bare(source)) <= len(source)


def test_text_inside_strings_is_not_taken_for_a_comment() -> None:
    """A # or an empty line inside a string stays."""
    source = 'def f():\n    """Doc."""\n    # gone\n    return """\n# stays\n\nend"""\n'
    assert bare(source) == 'def f():\n    return """\n# stays\n\nend"""\n'


def _names(tree: ast.AST) -> list[str]:
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
