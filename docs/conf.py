"""The site: prose beside pages made from the objects themselves. `python3 dev.py docs` builds it.

The notebooks are executed while building, each on a simulated AWS of its own in the build folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "jupyter-awsgpu"
author = "jupyter-awsgpu contributors"
project_copyright = "2026, jupyter-awsgpu contributors"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "reference",
    "project_pages",
    "notebook_demo",
]
exclude_patterns = ["_build", "_extensions"]
smartquotes = False  # "--yes" is an option, not a dash
suppress_warnings = ["misc.highlighting_failure"]  # our errors are sentences, not tracebacks to be coloured
myst_enable_extensions = ["colon_fence", "deflist", "linkify"]
myst_linkify_fuzzy_links = False
myst_heading_anchors = 3

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "jupyter-awsgpu"
html_theme_options = {"navigation_with_keys": True}
html_static_path: list[str] = []
html_show_sphinx = False
