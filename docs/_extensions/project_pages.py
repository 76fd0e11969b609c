"""The repository's own pages and notebooks, brought into the site with their links turned round.

README, ARCHITECTURE and their like stay where a reader of the repository looks for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES = ("ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")


def setup(app: Sphinx) -> dict[str, bool]:
    """Bring the pages before Sphinx looks for documents."""
    app.connect("builder-inited", bring)
    return {"parallel_read_safe": True}


def bring(app: Sphinx) -> None:
    """Copy what the repository holds outside docs/."""
    docs = Path(app.srcdir)
    root, project, notebooks = docs.parent, docs / "project", docs / "notebooks"
    project.mkdir(exist_ok=True)
    for page in PAGES:
        text = turned((root / page).read_text(encoding="utf-8"))
        (project / page.lower()).write_text(text, encoding="utf-8")
    for notebook in (root / "notebooks").rglob("*.ipynb"):
        if ".ipynb_checkpoints" not in notebook.parts:
            copy = notebooks / notebook.relative_to(root / "notebooks")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(inside(notebook.read_text(encoding="utf-8")), encoding="utf-8")


def inside(text: str) -> str:
    """Turn a notebook's links into docs/ into links of a notebook that lies in docs/ itself.

    >>> inside("[a](../docs/tutorial.md) [b](../../docs/zh/tutorial.md)")
    '[a](../tutorial.md) [b](../../zh/tutorial.md)'
    """
    return text.replace("../docs/", "../")


def turned(text: str) -> str:
    """Turn links that are right at the root into links that are right in docs/project.

    >>> turned("[a](docs/never-run.md) [b](SECURITY.md)")
    '[a](../never-run.md) [b](security.md)'
    """
    text = text.replace("](docs/decisions/)", "](../decisions/README.md)").replace("](docs/", "](../")
    for page in PAGES:
        text = text.replace(f"]({page})", f"]({page.lower()})")
    return text
