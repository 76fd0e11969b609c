"""The process of the simulated AWS: started on demand, shared, private, found stale, ended."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import DemoFailed, ExtraMissing
from tests.behaviour.demo.aws_clients import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_awsgpu.demo.client import DemoStatus


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Give a state folder whose simulated AWS ends with the test."""
    yield tmp_path / "aws"
    client.down(tmp_path / "aws")


def test_it_starts_once_and_ends(state: Path) -> None:
    """Up twice is one process; down ends it, says so once, and leaves no record."""
    assert client.status(state).running is False
    first, second = client.up(state, hosts=False), client.up(state, hosts=False)
    assert (first.pid, first.endpoint) == (second.pid, second.endpoint)
    assert client.ask(first, "status")["simulated"] is True
    assert client.down(state) is True
    assert client.down(state) is False
    assert not psutil.pid_exists(first.pid or 0)
    assert not (state / client.RECORD).exists()


def test_two_that_start_it_at_once_share_one(state: Path) -> None:
    """Four callers at the same moment get the same process."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: client.up(state, hosts=False).pid, range(4)))
    assert len(set(found)) == 1


def test_its_record_is_private_and_its_secret_not_in_the_repr(state: Path) -> None:
    """The credentials are made up anew for each state, in a file of its owner's alone."""
    running = client.up(state, hosts=False)
    if os.name == "posix":
        assert (state / client.RECORD).stat().st_mode & 0o777 == 0o600
    assert running.secret_access_key not in repr(running)
    assert running.secret_access_key.startswith("SIMULATED/")
    assert running.secret_access_key not in " ".join(psutil.Process(running.pid).cmdline())


def test_a_record_of_a_dead_process_is_seen_through(state: Path) -> None:
    """A pid that belongs to somebody else now is not taken for ours, and never ended."""
    state.mkdir()
    record = {"endpoint": "http://127.0.0.1:1", "access_key_id": "a", "secret_access_key": "b", "pid": os.getpid()}
    (state / client.RECORD).write_text(json.dumps({**record, "pid_started": 1.0}), encoding="utf-8")
    assert client.status(state).running is False
    assert client.down(state) is False
    assert client.up(state, hosts=False).pid != os.getpid()


def test_a_damaged_record_counts_as_none(state: Path) -> None:
    """Half a record does not stop the next start."""
    state.mkdir()
    (state / client.RECORD).write_text('{"endpoint": "http', encoding="utf-8")
    assert client.status(state).running is False


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.allowed_skip("POSIX alone")
def test_it_survives_its_launcher_and_its_terminal(state: Path) -> None:
    """The launcher is gone and SIGHUP was sent; it answers still. SIGTERM ends it cleanly."""
    code = (
        "import sys, pathlib; from jupyter_awsgpu.demo import client; client.up(pathlib.Path(sys.argv[1]), hosts=False)"
    )
    subprocess.run([sys.executable, "-c", code, str(state)], check=True, timeout=120)
    running = client.status(state)
    process = psutil.Process(running.pid)
    process.send_signal(signal.SIGHUP)
    assert client.ask(running, "status")["pid"] == running.pid
    process.send_signal(signal.SIGTERM)
    eventually(
        lambda: not process.is_running() or process.status(), lambda seen: seen in (True, "zombie"), "it has ended"
    )
    assert client.status(state).running is False


def test_settings_are_set_at_the_start(state: Path) -> None:
    """Delays given to `up` hold from the first call."""
    running = client.up(state, hosts=False, pending_s=7.5)
    assert client.ask(running, "settings")["pending_s"] == 7.5


FOREIGN = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Host": "evil.example"},
    {"Host": "evil.example:80"},
    {"Host": "127.0.0.1.evil.example:80"},
    {"Host": "evil.example:80:127.0.0.1"},
)
"""What a browser sends for a page of somebody else's; the last ones where its name has been led to this machine."""


def test_a_page_of_somebody_elses_is_refused(state: Path) -> None:
    """A browser on this machine can neither read nor change the simulated AWS for a foreign page."""
    running = client.up(state, hosts=False, pending_s=7.5)
    for headers in FOREIGN:
        assert answer_to(running, "GET", "ledger", headers) == 403, headers
        assert answer_to(running, "POST", "settings", headers, b'{"pending_s": 1}') in (400, 403), headers
    assert client.ask(running, "settings")["pending_s"] == 7.5
    assert answer_to(running, "POST", "settings", {}, b'{"pending_s": 1}') == 200
    assert client.ask(running, "settings")["pending_s"] == 1


def answer_to(running: DemoStatus, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> int:
    """Ask the control endpoint with these headers; return the HTTP status."""
    place = running.endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(place, timeout=30)
    try:
        connection.request(method, f"/_awsgpu/{path}", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_an_answer_that_does_not_come_whole_is_no_bug(answer: bytes | None) -> None:
    """Silence until the time is up, and a connection cut within the answer: both say that it does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        running = client.DemoStatus(True, f"http://127.0.0.1:{listening.getsockname()[1]}", "a", "b")
        asked = pool.submit(client.ask, running, "status", timeout_s=0.5)
        taken, _ = listening.accept()
        with taken:
            if answer:
                taken.recv(1 << 12)
                taken.sendall(answer)
                taken.close()
            with pytest.raises(DemoFailed, match="does not answer"):
                asked.result(timeout=30)


def test_a_start_that_fails_says_why(state: Path) -> None:
    """The last line of the log is the reason."""
    state.mkdir()
    (state / client.LOG).mkdir()
    with pytest.raises((DemoFailed, OSError)):
        client.up(state, hosts=False)


def test_without_the_extra_the_way_out_is_named(state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where moto is not installed the error holds the install command."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "moto.py").write_text("raise ImportError(name='moto')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    with pytest.raises(ExtraMissing) as caught:
        client.up(state, hosts=False)
    assert caught.value.remedy == 'pip install "jupyter-awsgpu[demo]"'
