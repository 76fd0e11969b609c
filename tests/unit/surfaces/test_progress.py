"""Progress: from events to one line, one object, or plain lines; from any thread."""

from __future__ import annotations

import io
import threading

from jupyter_awsgpu.model import Event
from jupyter_awsgpu.surfaces import several
from jupyter_awsgpu.surfaces.display import PlainProgress, TerminalProgress, Trail, trail_html, trail_text


def event(step: str, phase: str, words: str, seconds: float | None = None, fraction: float | None = None) -> Event:
    return Event("op", "launch", "gpu", step, phase, words, 0.0, seconds, fraction)  # type: ignore[arg-type]


LAUNCH = (
    event("", "started", "launch gpu"),
    event("account", "started", "Asking AWS"),
    event("account", "done", "AWS account 123456789012", 0.4),
    event("choice", "done", "p2.xlarge (K80), $0.90/h", 0.1),
    event("running", "done", "Running in us-west-2a", 18.0),
    event("provision", "said", "Installing <JupyterLab>", None, 0.5),
)
END = (event("provision", "done", "Set up", 41.0), event("", "done", "launch gpu", 60.0))


def trail(*events: Event) -> Trail:
    made = Trail()
    for one in events:
        made.take(one)
    return made


def test_the_price_stands_on_top_while_steps_go_on() -> None:
    """The headline is the choice: machine and price; the step under way shows how far it is."""
    drawn = trail_html(trail(*LAUNCH), simulated=True, now=trail().began + 5)
    head, _, rest = drawn.partition("Installing")
    assert "$0.90/h" in head
    assert "SIMULATED" in head
    assert "&lt;JupyterLab&gt;" in "Installing" + rest
    assert "width:50%" in rest


def test_operations_within_and_after_another_are_one_verbs() -> None:
    """`image --then-terminate` launches a copy, ends it, and then the original: titled as asked for, its time whole."""

    def whole(operation: str, verb: str, phase: str, seconds: float | None = None) -> Event:
        return Event(operation, verb, "gpu", "", phase, verb, 0.0, seconds)  # type: ignore[arg-type]

    done = trail(whole("1", "image", "started"), whole("2", "launch", "started"), *LAUNCH[1:])
    done.take(whole("2", "launch", "done", 40.0))
    assert done.outcome == ""
    done.take(whole("1", "image", "done", 50.0))
    for one in (whole("3", "terminate", "started"), whole("3", "terminate", "done", 2.0)):
        done.take(one)
    assert (done.title, done.outcome, done.seconds) == ("image gpu", "done", 52.0)


def test_an_end_is_folded_to_one_line_with_where_the_time_went() -> None:
    """Phases are summed: AWS, boot, set-up."""
    done = trail(*LAUNCH, *END)
    assert done.phases() == {"AWS": 0.5, "boot": 18.0, "set-up": 41.0}
    assert "<details>" in trail_html(done, simulated=False, now=0)
    assert "1 min (AWS 0.5 s · boot 18 s · set-up 41 s)" in trail_text(done, simulated=False, now=0)


def test_a_failure_leaves_its_steps_open() -> None:
    """What failed stays in sight."""
    failed = trail(*LAUNCH, event("provision", "failed", "disk full", 3.0), event("", "failed", "disk full", 9.0))
    drawn = trail_html(failed, simulated=False, now=0)
    assert "<details>" not in drawn
    assert "✗" in drawn


def test_plain_lines_say_simulated_once_and_each_step_once() -> None:
    """A log holds a line a step, and no control characters."""
    stream = io.StringIO()
    progress = PlainProgress(stream, simulated=True)
    for one in (*LAUNCH, *END):
        progress.hear(one)
    progress.close()
    written = stream.getvalue()
    assert written.count("SIMULATED") == 1
    assert written.count("AWS account") == 1
    assert "\r" not in written
    assert "\x1b" not in written


def test_a_terminal_line_is_rewritten_and_left_clean() -> None:
    """The step under way is overwritten by its end; nothing hangs over."""
    stream = io.StringIO()
    progress = TerminalProgress(stream, simulated=False, colour=False)
    for one in LAUNCH:
        progress.hear(one)
    progress.close()
    assert "\r" in stream.getvalue()
    assert stream.getvalue().endswith("\r")


def test_an_encoding_without_marks_gets_plain_ones() -> None:
    """An old Windows console shows + and x, not a crash."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252")
    progress = PlainProgress(stream, simulated=False)
    progress.hear(event("account", "done", "ok", 1.0))
    stream.flush()
    assert raw.getvalue().startswith(b"+ ok")


def test_events_may_come_from_threads() -> None:
    """Two threads telling steps leave a whole trail."""
    stream = io.StringIO()
    progress = TerminalProgress(stream, simulated=False, colour=False)
    threads = [
        threading.Thread(target=progress.hear, args=(event(f"step-{number}", "done", f"step {number}", 0.1),))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.close()
    assert len(progress.trail.steps) == 8


def one_of(name: str, step: str, phase: str, words: str, seconds: float | None = None) -> Event:
    """Return an event of one machine among several; the whole is the operation `op`."""
    return Event(name, "launch", name, step, phase, words, 0.0, seconds)  # type: ignore[arg-type]


SEVERAL = (
    event("", "started", "launch gpu-1..3"),
    event("account", "done", "AWS account 123456789012", 0.4),
    event("machines", "started", "Launching 3 machines"),
    *(one_of(f"gpu-{number}", "", "started", f"launch gpu-{number}") for number in (1, 2, 3)),
    *(one_of(f"gpu-{number}", "provision", "started", "The instance sets itself up") for number in (1, 2)),
    one_of("gpu-3", "request", "failed", "AWS has no p2.xlarge", 1.0),
    one_of("gpu-3", "", "failed", "AWS has no p2.xlarge", 1.5),
    one_of("gpu-1", "answer", "done", "Jupyter answers at http://127.0.0.1:8889/", 2.0),
    one_of("gpu-1", "", "done", "launch gpu-1", 40.0),
)


def test_several_machines_have_a_row_each() -> None:
    """In a notebook each machine has its row: what it does now, or how it ended, with its link."""
    crowd = several.Crowd()
    for one in SEVERAL:
        crowd.take(one)
    drawn = several.crowd_html(crowd, simulated=True, now=crowd.began + 5)
    assert drawn.count("<tr>") == 3
    assert 'href="http://127.0.0.1:8889/"' in drawn
    first, second, third = several.crowd_text(crowd, simulated=False, now=crowd.began + 5).splitlines()
    assert first.startswith("✓ gpu-1: Jupyter answers at")
    assert second.startswith("… gpu-2: The instance sets itself up")
    assert third.startswith("✗ gpu-3: AWS has no p2.xlarge")


def test_several_machines_in_a_terminal_are_a_line_each_as_they_end() -> None:
    """Machines that ended are lines of their own; how many do what is the line that is written over."""
    stream = io.StringIO()
    shown = several.SeveralInTerminal(stream, simulated=False, colour=False)
    for one in SEVERAL:
        shown.hear(one)
    shown.close()
    lines = stream.getvalue().replace("\r", "\n").splitlines()
    assert [line.split(":")[0].strip() for line in lines if " gpu-" in line] == ["x gpu-3", "+ gpu-1"]
    assert any("2 × The instance sets itself up" in line for line in lines)


def test_several_machines_in_a_pipe_are_lines_as_they_end() -> None:
    """A log has the whole's steps, then each machine's end."""
    stream = io.StringIO()
    shown = several.SeveralPlainly(stream, simulated=True)
    for one in SEVERAL:
        shown.hear(one)
    shown.close()
    banner, *lines = stream.getvalue().splitlines()
    assert "SIMULATED" in banner
    assert [line.split(" (")[0] for line in lines] == [
        "+ AWS account 123456789012",
        "x gpu-3: AWS has no p2.xlarge",
        "+ gpu-1: Jupyter answers at http://127.0.0.1:8889/",
    ]
