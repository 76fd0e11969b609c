"""The public names, pinned."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

import jupyter_awsgpu
from jupyter_awsgpu.model import Wishes
from jupyter_awsgpu.surfaces.python import Options, Where

PUBLIC = {
    "AwsGpuError", "__version__", "cleanup", "connect", "cost", "disconnect", "doctor", "gpu", "image", "images",
    "keep", "launch", "logs", "open_jupyter", "panel", "plan", "provision", "pull", "push", "quota", "regions",
    "resize", "run", "runs", "start", "status", "stop", "terminate", "token", "types",
}  # fmt: skip


def test_the_public_surface_is_what_it_was() -> None:
    """A name is added or taken away on purpose, and here."""
    assert set(jupyter_awsgpu.__all__) == PUBLIC
    assert set(dir(jupyter_awsgpu)) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC - {"AwsGpuError", "__version__"}))
def test_every_function_is_documented_and_annotated(name: str) -> None:
    """Types and a sentence for each."""
    function = getattr(jupyter_awsgpu, name)
    signature = inspect.signature(function)
    assert inspect.getdoc(function)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())


def test_every_wish_of_a_launch_is_an_annotated_option() -> None:
    """An editor completes, and mypy lets pass, what `awsgpu launch` takes."""
    assert set(Options.__annotations__) - set(Where.__annotations__) == {
        one.name for one in dataclasses.fields(Wishes) if one.name not in ("instance_type", "region")
    }


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy door opens for public names alone."""
    with pytest.raises(AttributeError, match="frobnicate"):
        _ = jupyter_awsgpu.frobnicate  # type: ignore[attr-defined]
