"""The language of messages: a catalogue beside the English templates, which are its keys."""

from __future__ import annotations

import gettext
import os
from importlib import resources
from typing import Any

from jupyter_awsgpu import errors

ENGLISH = gettext.NullTranslations()


class Catalogue(gettext.NullTranslations):
    """A message catalogue read from a .po file; what it lacks stays English."""

    def __init__(self, messages: dict[str, str]) -> None:
        super().__init__()
        self._messages = messages

    def gettext(self, message: str) -> str:
        """Return the translation of an English template, or the template."""
        return self._messages.get(message) or message


def wanted(setting: str = "") -> str:
    """Return `zh` or `en`: the setting's word, else what LANGUAGE, LC_ALL, LC_MESSAGES or LANG say."""
    if setting:
        return setting
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def catalogue(language: str) -> gettext.NullTranslations:
    """Return the catalogue of `zh`, or English itself for anything else."""
    if language != "zh":
        return ENGLISH
    from babel.messages.pofile import read_po

    source = resources.files("jupyter_awsgpu").joinpath("locale", "zh_CN.po")
    with source.open("rb") as file:
        entries: Any = read_po(file)
    return Catalogue({str(one.id): str(one.string) for one in entries if one.id and one.string})


def speak(setting: str = "") -> gettext.NullTranslations:
    """Let errors speak the wanted language from now on; return its catalogue for other texts."""
    chosen = catalogue(wanted(setting))
    errors.use_translator(chosen)
    return chosen
