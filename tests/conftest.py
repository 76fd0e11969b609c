"""What all tests share: a home of their own, one simulated AWS, and the proof that nothing is left.

In CI (`CI=true` or `AWSGPU_TESTS_MUST_RUN=1`) a test that skips has failed, unless it carries
`@pytest.mark.allowed_skip("why")`: outside, a missing Debian package is a reason, there it is not.
There, too, a test of real processes gets a second chance, and what took it is shown at the end: three
thousand tests on a machine that others use meet a race somewhere, and one in a thousand may not hide the rest.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests import ports, warm

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from jupyter_awsgpu.demo.client import DemoStatus

TESTS = Path(__file__).parent
MUST_RUN = os.environ.get("CI") == "true" or os.environ.get("AWSGPU_TESTS_MUST_RUN") == "1"
RUN_MARK = "AWSGPU_TESTS_RUN"
"""Environment variable every process of this run inherits, so that one left behind is recognised."""

SECOND_CHANCE = ("behaviour", "browser", "notebooks", "system")
"""The layers whose tests depend on more than their input: on other processes, the network, the clock."""

DEMO = pytest.StashKey[Any]()
"""Under this key the run keeps its one simulated AWS, once it has one."""

NAMESPACES = Path("/run/netns")
"""Where `ip netns` keeps its names; it mounts the folder onto itself at its first use, for every run on the machine."""

WAS_MOUNTED = pytest.StashKey[bool]()

GRACE_S = float(os.environ.get("AWSGPU_TESTS_GRACE_S", "10"))
"""Seconds a process that was told to end may take."""


# ── a skip is a failure where everything must run, a race is not yet one ─────────────────────


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--aws` lets the contract suite ask the real AWS (with the credentials boto3 finds; read-only)."""
    parser.addoption("--aws", action="store_true", help="also run the contract suite against the real AWS")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of this file."""
    config.addinivalue_line("markers", "allowed_skip(reason): may skip even where every test must run")
    config.addinivalue_line("markers", "aws: asks the real AWS; skipped without --aws")
    config.stash[WAS_MOUNTED] = str(NAMESPACES) in _mounts()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the folder of network namespaces away again, once all workers have ended and if no other run has one."""
    of_a_worker = hasattr(config, "workerinput")
    if not of_a_worker and not config.stash[WAS_MOUNTED] and str(NAMESPACES) in _mounts():
        subprocess.run(["umount", str(NAMESPACES)], check=False, capture_output=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs the real AWS unless it was asked for; give second chances where everything must run."""
    for item in items:
        if MUST_RUN and item.path.relative_to(TESTS).parts[0] in SECOND_CHANCE:
            item.add_marker(pytest.mark.flaky(reruns=1))
    if config.getoption("--aws"):
        return
    for item in items:
        if item.get_closest_marker("aws"):
            item.add_marker(pytest.mark.skip(reason="asks the real AWS: give --aws"))
            item.add_marker(pytest.mark.allowed_skip("needs an AWS account"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where every test must run."""
    report = yield
    expected_failure = hasattr(report, "wasxfail")
    if MUST_RUN and report.skipped and not expected_failure and not item.get_closest_marker("allowed_skip"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module that skips itself whole into a failure, too."""
    report = yield
    if MUST_RUN and report.skipped:
        _refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how the tests failed that passed at their second chance: each is a fault to mend, here or in the test."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"{report.nodeid} took a second chance", sep="_")
        terminalreporter.write_line(report.longreprtext)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"Everything must run here, and this skipped. {reason}"


# ── a home of the run's own ──────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Path]:
    """Give the whole run a home folder of its own: no keys, settings or credentials of a person are in reach."""
    folder = tmp_path_factory.mktemp("home")
    before = _mounts_and_namespaces()
    with pytest.MonkeyPatch.context() as patch, ports.claim() as claimed:
        _move_in(patch, folder, keep_aws=pytestconfig.getoption("--aws"))
        patch.setenv(ports.VARIABLE, str(ports.first_of(claimed)))
        patch.setenv("AWSGPU_LOCAL_PORT", str(ports.first_of(claimed)))
        yield folder
        warm.close_all()
        left = _processes_left(folder)
    left += sorted(thing for thing in _mounts_and_namespaces() - before if MUST_RUN or str(folder.parent) in thing)
    if left:
        pytest.fail("The run left behind:\n" + "\n".join(left), pytrace=False)


def _move_in(patch: pytest.MonkeyPatch, folder: Path, *, keep_aws: bool) -> None:
    """Point everything that finds a home at `folder`; with --aws, credentials stay where boto3 finds them."""
    own = Path.home()
    patch.setenv(RUN_MARK, uuid.uuid4().hex)
    patch.setenv("AWSGPU_TESTS_CACHE", os.environ.get("AWSGPU_TESTS_CACHE", str(own / ".cache" / "awsgpu-tests")))
    patch.setenv("PIP_CACHE_DIR", os.environ.get("PIP_CACHE_DIR", str(own / ".cache" / "pip")))
    foreign = ("AWSGPU_", "XDG_") if keep_aws else ("AWSGPU_", "XDG_", "AWS_")
    for name in [name for name in os.environ if name.startswith(foreign) and not name.startswith("AWSGPU_TESTS_")]:
        patch.delenv(name)
    places = {
        "AWSGPU_DATA_DIR": "data",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter/config",
        "JUPYTER_DATA_DIR": "jupyter/data",
        "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
    }
    if not keep_aws:
        places |= {
            "HOME": "",
            "USERPROFILE": "",
            "AWS_SHARED_CREDENTIALS_FILE": "aws/keys",
            "AWS_CONFIG_FILE": "aws/config",
        }
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, place in places.items():
        patch.setenv(name, str(folder / place))
    patch.setenv("AWSGPU_OPEN_BROWSER", "false")


def _processes_left(folder: Path) -> list[str]:
    """Wait for the processes of this run to end; end those that do not, and name them."""
    deadline = time.monotonic() + GRACE_S
    while (left := list(_processes_of_this_run(folder))) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.2)
    named = []
    for process in left:
        try:
            named.append(f"process {process.pid}: {' '.join(process.cmdline())[:300]}")
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return named


def _processes_of_this_run(folder: Path) -> Iterator[psutil.Process]:
    mark, spared = os.environ[RUN_MARK], {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        try:
            dead = process.status() == psutil.STATUS_ZOMBIE
            ours = process.environ().get(RUN_MARK) == mark or any(str(folder) in part for part in process.cmdline())
        except (psutil.Error, OSError):
            continue
        if ours and not dead:
            yield process


def _mounts() -> set[str]:
    if not sys.platform.startswith("linux"):
        return set()
    return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()}


def _mounts_and_namespaces() -> set[str]:
    spaces = NAMESPACES.iterdir() if NAMESPACES.is_dir() else ()
    names = {f"network namespace {space.name}" for space in spaces}
    mounts = {f"mount {place}" for place in _mounts() - {str(NAMESPACES)}}
    return {thing for thing in names | mounts if not _of_another_run(thing)}


def _of_another_run(thing: str) -> bool:
    """Return whether a name carries another run's process id, as tests/system/hosts.py names namespaces."""
    owner = re.search(r"\bag(\d+)x\d+$", thing)
    return owner is not None and int(owner[1]) != os.getpid() % 10000


# ── one simulated AWS ────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def demo(home: Path, pytestconfig: pytest.Config) -> Iterator[DemoStatus]:
    """Run the simulated AWS where `--demo` finds it; it ends with the run, its process gone."""
    from jupyter_awsgpu.demo import client

    folder = home / "data" / "demo" / "aws"
    status: Any = client.up(folder)
    pytestconfig.stash[DEMO] = status
    yield status
    del pytestconfig.stash[DEMO]
    client.down(folder)
    _gone, alive = psutil.wait_procs(_processes(status.pid), timeout=GRACE_S)
    assert not alive, "the simulated AWS is still running after `demo down`"


@pytest.fixture(scope="module", autouse=True)
def as_usual(home: Path, pytestconfig: pytest.Config) -> Iterator[None]:
    """Give the next file the simulated AWS with its usual settings."""
    yield
    status = pytestconfig.stash.get(DEMO, None)
    if status is not None:
        from tests import first_day

        first_day.usual(status)


def _processes(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return []
