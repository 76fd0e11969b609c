"""What an instance says is bounded and cleaned: it may be anybody's machine by now."""

from __future__ import annotations

import json
import math

from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_awsgpu.remote import browser
from jupyter_awsgpu.remote.guest import report_from
from jupyter_awsgpu.remote.kernel_wire import HEAD_MOST, frames
from jupyter_awsgpu.remote.text import clean, document, number

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FIELDS = (
    *("phase", "steps", "version", "idle_stop_in_s", "cap_in_s", "kept_until", "spent", "notice", "read_at", "cluster"),
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_report_is_read_without_an_error(found: dict) -> None:
    """Wrong types and sizes are left out, never raised."""
    report = report_from(found)
    assert report.phase in ("provisioning", "ready", "failed", "rebooting")
    assert len(report.version) <= 40


@given(st.text())
def test_no_control_character_survives(text: str) -> None:
    """Nothing that moves a terminal's cursor or turns text around."""
    shown = clean("\x1b]0;title\x07\x1b[31m\u202e" + text)
    assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in shown)
    assert "\u202e" not in shown


@given(JSON)
@example(10**400)
def test_a_number_is_finite_or_none(value: object) -> None:
    """Also where JSON has four hundred digits."""
    found = number(value)
    assert found is None or math.isfinite(found)


@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode() + b"\n"))
@example(b"[" * 100_000 + b"\n")
@example(b'{"l": [-1]}\n')
@example(b'{"l": [1e400]}\n')
@example(b"x" * (HEAD_MOST + 1))
def test_what_is_no_frame_is_said_so(said: bytes) -> None:
    """A kernel's relay is the instance's, too: frames, or `ValueError`."""
    pieces = iter([said])
    try:
        for about, parts in frames(lambda: next(pieces, b"")):
            assert isinstance(about, dict)
            assert all(isinstance(part, bytes) for part in parts)
    except ValueError:
        pass


def test_an_answer_is_its_last_line_and_has_a_limit() -> None:
    """A greeting before the JSON does no harm, a flood is not read, nor brackets without an end."""
    assert document("[" * 100_000) == {}
    assert document(b"Welcome!\n" + json.dumps({"port": 1}).encode()) == {"port": 1}
    assert document(" " * 3_000_000) == {}
    assert document("[]") == {}


def test_the_browser_is_told_a_file_that_only_its_owner_reads(tmp_path) -> None:
    """The token is in the page, never in the address that is opened."""
    opened: list[str] = []
    page = browser.open_with_token(
        "http://127.0.0.1:8889/", "se/cret</script>", tmp_path / "b", opener=lambda url: not opened.append(url)
    )
    assert page.stat().st_mode & 0o777 == 0o600
    assert opened == [page.as_uri()]
    assert "se%2Fcret" in page.read_text()
    assert page.read_text().count("</script>") == 1


def test_on_a_hub_the_link_goes_through_the_proxy_or_says_what_is_missing() -> None:
    """A remote Jupyter cannot link to its own 127.0.0.1."""
    hub = {"JUPYTERHUB_SERVICE_PREFIX": "/user/liao/"}
    assert browser.reachable_link("http://127.0.0.1:8889/", {}, proxy_installed=False) == (
        "http://127.0.0.1:8889/",
        None,
    )
    assert browser.reachable_link("http://127.0.0.1:8889/", hub, proxy_installed=True)[0] == "/user/liao/proxy/8889/"
    assert "pip install jupyter-server-proxy" in str(
        browser.reachable_link("http://127.0.0.1:8889/", hub, proxy_installed=False)[1]
    )
