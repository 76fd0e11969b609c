"""The site builds, every warning an error; the notebooks are executed by their own layer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_awsgpu.cloud.refusal_table import TABLE

pytest.importorskip("sphinx", reason="the site needs the docs extra")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the site from a copy: building writes pages beside the sources."""
    copy = tmp_path_factory.mktemp("site")
    for folder in ("docs", "notebooks"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("_build", "reference", "project"))
    for page in ROOT.glob("*.md"):
        shutil.copy(page, copy)
    html = copy / "html"
    options = ["--fail-on-warning", "--keep-going", "-q", "-D", "nb_execution_mode=off"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, "-b", "html", str(copy / "docs"), str(html)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return html


def test_every_verb_has_its_place_on_the_command_page(site: Path) -> None:
    """The command page is made from the grammar: what `--help` lists, it lists."""
    from jupyter_awsgpu.surfaces.grammar import CHAPTERS

    for name in ("commands", "commands-zh"):
        page = (site / "reference" / f"{name}.html").read_text(encoding="utf-8")
        for verbs in CHAPTERS.values():
            for verb in verbs:
                assert f"awsgpu {verb.name}" in page, name


def test_every_error_is_on_the_errors_page_in_both_languages(site: Path) -> None:
    """Whoever meets a code finds it."""
    from jupyter_awsgpu import errors

    for page in ("errors", "errors-zh"):
        text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
        for branch in errors.AwsGpuError.__subclasses__():
            for kind in branch.__subclasses__() or [branch]:
                assert kind.code in text, (page, kind.code)


def test_every_code_of_aws_is_on_the_errors_page_beside_its_error(site: Path) -> None:
    """The page is made from the table that translates: a code looked up there leads to what helps."""
    for page in ("errors", "errors-zh"):
        rows = re.findall(r"<tr.*?</tr>", (site / "reference" / f"{page}.html").read_text(encoding="utf-8"), re.DOTALL)
        cells = [set(re.findall(r'<span class="pre">([^<]+)</span>', row)) for row in rows]
        for refusal in TABLE:
            assert any(cell >= {*refusal.codes, refusal.error.code} for cell in cells), (page, refusal.codes)


def test_no_code_of_aws_is_listed_by_hand() -> None:
    """A second list would lag behind the table: prose may name a code, a table or a list line may not."""
    codes = {code for row in TABLE for code in row.codes}
    written = [page for page in (ROOT / "docs").rglob("*.md") if not {"reference", "_build"} & set(page.parts)]
    for page in (*written, *ROOT.glob("*.md")):
        listed = [
            line for line in page.read_text(encoding="utf-8").splitlines() if re.match(r"\s*([|*+-]|\d+\.)", line)
        ]
        for line in listed:
            assert not codes & set(re.findall(r"`([\w.]+)`", line)), (page, line)


def test_no_page_shows_a_folder_of_the_machine_that_built_it(site: Path) -> None:
    """Defaults and docstrings are printed as they are written, not as they come out here."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert os.environ["HOME"] not in text
