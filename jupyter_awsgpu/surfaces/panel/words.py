"""The panel's language: English, or the catalogue beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu import language, settings
from jupyter_awsgpu.errors import AwsGpuError

if TYPE_CHECKING:
    from collections.abc import Callable


def translator(locale: str | None = None) -> Callable[[str], str]:
    """Return the translation of the panel's words for a locale such as `zh_CN`; the setting's where None."""
    wanted = ""
    if locale:
        wanted = "zh" if locale.lower().startswith("zh") else "en"
    else:
        try:
            wanted = str(settings.load().language)
        except AwsGpuError:
            wanted = ""
    return language.speak(wanted).gettext
