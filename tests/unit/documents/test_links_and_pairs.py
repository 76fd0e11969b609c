"""The documents agree with each other and with the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "zh").glob("*.md")])
PAGES += sorted((ROOT / "docs" / "decisions").glob("*.md"))
GENERATED = ("reference/", "notebooks/", "project/")
PAIRS = [(ROOT / "README.md", ROOT / "README.zh-CN.md")] + [
    (ROOT / "docs" / page.name, page) for page in sorted((ROOT / "docs" / "zh").glob("*.md")) if page.name != "index.md"
]


def name(page: Path) -> str:
    """Return a page's name as a test's id."""
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    """Return the relative links of a page, without anchors."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [link.partition("#")[0] for link in found if not re.match(r"[a-z]+:|#", link)]


def commands(page: Path) -> list[str]:
    """Return every `awsgpu …` a page tells its reader to type, in order."""
    return re.findall(r"%?awsgpu (?:--\w+ )*[a-z]+[^`\n#…]*", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link to a file of the repository is one that exists (pages made while building aside)."""
    for link in links(page):
        made_while_building = any(part in link for part in GENERATED) and "docs" in page.parts
        assert made_while_building or (page.parent / link).exists(), f"{name(page)} links to {link}"


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name)
def test_the_two_languages_tell_the_same_commands(english: Path, chinese: Path) -> None:
    """Whoever reads Chinese is given the same commands, in the same order."""

    def words(page: Path) -> list[str]:
        return [" ".join(word for word in line.split() if word.isascii()) for line in commands(page)]

    assert words(chinese) == words(english)


def test_decisions_are_numbered_without_gaps() -> None:
    """The records stand in the order they were made."""
    numbers = [int(page.name[:4]) for page in sorted((ROOT / "docs" / "decisions").glob("0*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_folder_of_somebodys_machine(page: Path) -> None:
    """Documents speak of the reader's machine, not of the writer's."""
    assert not re.search(r"/(?:home|root|Users)/\w|/tmp/", page.read_text(encoding="utf-8"))
