"""Each claim about AWS names the document it is from, or says that it is unconfirmed."""

from __future__ import annotations

import importlib
import inspect

import pytest

from tests.behaviour.demo.aws_contract import UNCONFIRMED

MODULES = (
    "test_launch_contract",
    "test_several_contract",
    "test_lifecycle_contract",
    "test_images_contract",
    "test_resources_contract",
    "test_money_contract",
    "test_permissions_contract",
)


@pytest.mark.parametrize("name", MODULES)
def test_every_case_has_a_source(name: str) -> None:
    """A case without source would be a claim of nobody's."""
    module = importlib.import_module(f"tests.behaviour.demo.{name}")
    tests = [one for label, one in inspect.getmembers(module, inspect.isfunction) if label.startswith("test_")]
    sources = {test.__name__: getattr(test, "contract_source", None) for test in tests}
    assert [label for label, source in sources.items() if source is None] == []
    assert all(source == UNCONFIRMED or source.startswith("https://") for source in sources.values() if source)
