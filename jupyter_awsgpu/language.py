"""The language of messages: a catalogue beside the English templates, which are its keys.

What verbs and instances say goes into logs and reports as finished English sentences, so that whoever
reads them later, in whatever language, reads the same facts. `Catalogue.gettext` therefore takes a
finished sentence, too: it finds the template that the sentence was made from, and fills its translation.
"""

from __future__ import annotations

import gettext
import os
import re
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, NamedTuple

from jupyter_awsgpu import errors

ENGLISH = gettext.NullTranslations()

FEW_LETTERS = 6
"""A template with fewer letters of its own (`in {zones}`) would fit too much: its facts are single words, or a list."""

LONGEST = 2000
"""Characters beyond which a text is a log, not a sentence."""

VERBATIM = frozenset({"name", "names", "image", "path", "command"})
"""Facts that a person named: an instance called "stop" keeps its name."""

ANYTHING = ".*?"
NUMBERS = frozenset({"gb", "count", "n", "port", "local", "minutes"})
NUMBER = r"[\d.,]+"
WORD = r"[^\s,(]+"
WORDS = r"[^\s,]+(?:, [^\s,]+)*"

_FIELD = re.compile(r"\{(\w*)\}")


class Catalogue(gettext.NullTranslations):
    """A message catalogue read from a .po file; what it lacks stays English."""

    def __init__(self, messages: dict[str, str]) -> None:
        super().__init__()
        self._messages = messages
        self._finished = lru_cache(maxsize=2048)(self._translate_finished)

    def gettext(self, message: str) -> str:
        """Return the translation of an English template, of a sentence made from one, or the text itself.

        >>> Catalogue({"{port} is free": "{port} 空闲"}).gettext("8889 is free")
        '8889 空闲'
        """
        return self._messages.get(message) or (self._finished(message) if len(message) <= LONGEST else message)

    def _translate_finished(self, sentence: str) -> str:
        for template in self._templates:
            found = template.pattern.fullmatch(sentence)
            if found is not None:
                facts = {
                    key: fact if key in VERBATIM else self.gettext(fact) for key, fact in found.groupdict().items()
                }
                return _FIELD.sub(lambda field, known=facts: known.get(field[1], ""), template.translation)  # type: ignore[misc]
        return sentence

    @cached_property
    def _templates(self) -> list[_Template]:
        """The templates that finished sentences are known by, those that say most themselves first."""
        found = []
        for template, translation in self._messages.items():
            own = _FIELD.sub("", template)
            letters = sum(map(str.isalpha, own))
            if own != template and letters:
                fact = WORDS if letters < FEW_LETTERS else ANYTHING
                found.append((-len(own), template.count("{"), _Template(_pattern(template, fact), translation)))
        return [template for *_, template in sorted(found, key=lambda one: one[:2])]


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    translation: str


def _pattern(template: str, fact: str) -> re.Pattern[str]:
    """Return what a sentence made from the template looks like; a fact named twice is the same twice.

    Of two facts side by side the first is a word, and the second the clause that may follow it.
    """
    seen: set[str] = set()
    parts = _FIELD.split(template)
    for index in range(1, len(parts), 2):
        name, beside = parts[index], parts[index + 1] == "" and index + 2 < len(parts)
        kind = NUMBER if name in NUMBERS else WORD if beside else fact
        parts[index - 1] = re.escape(parts[index - 1])
        parts[index] = f"(?P={name})" if name in seen else f"(?P<{name}>{kind})"
        seen.add(name)
    return re.compile("".join([*parts[:-1], re.escape(parts[-1])]), re.DOTALL)


def wanted(setting: str = "") -> str:
    """Return `zh` or `en`: the setting's word, else what LANGUAGE, LC_ALL, LC_MESSAGES or LANG say."""
    if setting:
        return setting
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


@lru_cache(maxsize=2)
def catalogue(language: str) -> gettext.NullTranslations:
    """Return the catalogue of `zh`, or English itself for anything else."""
    if language != "zh":
        return ENGLISH
    from babel.messages.pofile import read_po

    source = resources.files("jupyter_awsgpu").joinpath("locale", "zh_CN.po")
    with source.open("rb") as file:
        entries: Any = read_po(file)
    return Catalogue({str(one.id): str(one.string) for one in entries if one.id and one.string})


_spoken: gettext.NullTranslations = ENGLISH


def speak(setting: str = "") -> gettext.NullTranslations:
    """Let errors and answers speak the wanted language from now on; return its catalogue for other texts."""
    global _spoken  # noqa: PLW0603 - the process speaks one language at a time
    _spoken = catalogue(wanted(setting))
    errors.use_translator(_spoken)
    return _spoken


def spoken() -> str:
    """Return `zh` or `en`: what this process speaks at the moment, for a process it starts to speak it, too."""
    return "en" if _spoken is ENGLISH else "zh"


def tr(message: str) -> str:
    """Return a text in the language that this process speaks at the moment."""
    return _spoken.gettext(message)
