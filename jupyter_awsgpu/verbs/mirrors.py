"""The settings that say where an instance fetches packages from, on their way to its guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from jupyter_awsgpu.settings import AWSGPU


class GuestSettings(TypedDict):
    """Fields of `GuestConfig` that settings fill."""

    pip_index: str | None
    mirror: dict[str, str]


def guest_settings(settings: AWSGPU) -> GuestSettings:
    """Return pip's index and the mirrors of apt and conda, those that are set."""
    mirror = {"apt": str(settings.apt_mirror), "conda_channel": str(settings.conda_channel)}
    return {"pip_index": str(settings.pip_index) or None, "mirror": {key: one for key, one in mirror.items() if one}}
