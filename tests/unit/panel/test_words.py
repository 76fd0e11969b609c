"""Whatever the panel says, it can say in Chinese."""

import ast
import string
from pathlib import Path

import pytest

from jupyter_awsgpu import language
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.surfaces import panel
from jupyter_awsgpu.surfaces.grammar import VERBS
from jupyter_awsgpu.surfaces.panel.view import CHANGING, NEEDS_TYPE

SOURCE = Path(panel.__file__).parent
TYPESCRIPT = Path(panel.__file__).parents[3] / "labextension" / "src" / "verbs.ts"


def said():
    """Return the texts that the panel's sources hand to the translator, and the labels of its buttons."""
    for path in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                index = {"tr": 0, "_tr": 0, "Action": 1}.get(name)
                if index is not None and isinstance(node.args[index], ast.Constant):
                    yield node.args[index].value


def fields(template):
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}


@pytest.mark.parametrize("text", sorted({*said(), *InstanceState, *CHANGING} - {"GPU", "GPU {percent} %"}))
def test_every_text_is_translated_with_its_facts(text):
    """Labels, sentences, states and verbs: each has its Chinese, with the same facts in braces."""
    chinese = language.catalogue("zh").gettext(text)
    assert chinese != text
    assert fields(chinese) == fields(text)


def test_what_the_panel_runs_is_in_the_grammar():
    """Every verb that a button or a question uses exists on every surface."""
    assert {*CHANGING, *NEEDS_TYPE} <= set(VERBS)


def test_what_the_palette_offers_is_in_the_grammar():
    """The labextension's list names no verb that the grammar lacks."""
    listed = {line.split("'")[1] for line in TYPESCRIPT.read_text().splitlines() if "verb: '" in line}
    assert listed
    assert listed <= set(VERBS)


NOWHERE_IN_A_PAGE = {
    "token": "a secret is nothing to show",
    "key": "it asks for a passphrase",
    "demo": "the panel has a switch for it",
    "cell": "a notebook's cell says it with %%awsgpu",
    "completion": "a shell's",
    "dask": "its client belongs to the notebook that asks for it",
    "list": "another name of status",
}


def test_the_palette_offers_every_verb_but_those_with_a_reason():
    """A new verb is in the palette, or says here why not."""
    listed = {line.split("'")[1] for line in TYPESCRIPT.read_text().splitlines() if "verb: '" in line}
    assert set(VERBS) - listed == set(NOWHERE_IN_A_PAGE)
