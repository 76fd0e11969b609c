"""What comes from an instance, made safe to keep and show: bounded, of known types, without control characters."""

from __future__ import annotations

import json
import math
import re
from typing import Any

LINE_LIMIT = 2000
DOCUMENT_LIMIT = 1 << 20
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)")


def clean(value: object, limit: int = LINE_LIMIT) -> str:
    """Return text without terminal sequences, control and direction characters, at most `limit` long."""
    if not isinstance(value, str):
        return ""
    text = CONTROL.sub("", ESCAPE.sub("", value[: 4 * limit]))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def number(value: object) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:  # an integer of four hundred digits is JSON, too
        return None
    return found if math.isfinite(found) else None


def document(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in the last line of an answer, or nothing if there is none (or it is too long)."""
    if len(text) > DOCUMENT_LIMIT:
        return {}
    lines = (text.decode("utf-8", "replace") if isinstance(text, bytes) else text).strip().splitlines()
    try:
        value = json.loads(lines[-1]) if lines else {}
    except (ValueError, RecursionError):  # the second for a thousand brackets in each other
        return {}
    return value if isinstance(value, dict) else {}
