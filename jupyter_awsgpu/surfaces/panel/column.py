"""The box that the panel's own widgets are made of: typed here once, as ipywidgets carry no types."""

from __future__ import annotations

from typing import Any

import ipywidgets as w


class Column(w.VBox):  # type: ignore[misc]
    """Widgets one below the other."""

    children: Any

    def hide(self) -> None:
        """Take no room."""
        self.layout.display = "none"

    def reveal(self) -> None:
        """Take room again."""
        self.layout.display = "flex"
