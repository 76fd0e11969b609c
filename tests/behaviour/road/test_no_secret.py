"""Every verb of the grammar, as a person types it: what is secret is nowhere but where it must be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from jupyter_client.manager import KernelManager

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.surfaces.grammar import VERBS
from jupyter_awsgpu.verbs.policy import iam_policy
from tests.behaviour.demo.aws_clients import Aws, eventually
from tests.behaviour.road import secrets
from tests.behaviour.road.terminal import WARM, run
from tests.behaviour.road.test_adopt import aws, key, theirs  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)  # every verb there is, on a machine that others use

PASSPHRASE = "no horse battery staple"
LOOKING = (
    "types", "regions p2.xlarge", "quota p2.xlarge", "images", "plan p2.xlarge", "status", "list --all-regions",
    "connect gpu", "runs", "gpu --once", "ssh", "logs", "logs --source tunnel", "cost", "cleanup", "doctor",
    "doctor --iam-policy", "kernel", "open",
)  # fmt: skip
"""What shows something and changes nothing: typed as it is and with --json."""

REFUSED = (
    "launch p3.2xlarge --yes", "launch g4dn.xlrage", "launch p2.xlarge --name two --image ami-0123456789abcdef0 --yes",
    "connect nobody", "run {folder}/none.py", "pull none.txt", "dask", "cell", "terminate", "status --region nowhere",
    "key import {folder}/train.py", "adopt i-0123456789abcdef0 --key {folder}/train.py", "run {folder}/fails.py", "fly",
)  # fmt: skip
"""What ends in an error: its message, and with --debug its traceback."""

CHANGING = (
    "quota p2.xlarge --request 256", "push {folder}/train.py", "run {folder}/train.py", "pull train.py --to {back}",
    "ssh gpu -- env", "key export {folder}/gpu.key", "key import {folder}/gpu.key", "keep gpu 1h",
    "provision", "disconnect", "stop", "image gpu --name kept --yes", "images --delete kept --yes",
    "resize gpu --disk 60 --yes", "start --no-open", "adopt {theirs} --key {key}", "demo up", "completion bash",
    "kernel gpu --remove", "disconnect training",
)  # fmt: skip
"""What changes something, in an order that makes sense."""

NOT_TYPED: dict[str, str] = {}
"""Verbs that no line here has, each with its reason: a new verb is added above, or here."""

ALL_KINDS = (
    "the credentials", "the passphrase", "a token", "a kernel's key", "a kernel's door", "the first host key",
    "a private key",
)  # fmt: skip
"""What is looked for must have been found: of each kind one at least."""


class Desk:
    """Types lines, and keeps what came of them."""

    def __init__(self, **places: str) -> None:
        self._places = places
        self.said: dict[str, str] = {}
        self.verbs: set[str] = set()

    def type(self, line: str) -> int:
        """Run a line on the simulated AWS; return its exit status."""
        words = line.format(**self._places).split()
        environment = {**os.environ, **({"AWSGPU_PASSPHRASE": PASSPHRASE} if "key" in words else {})}
        done = WARM.run(["--demo", *words], environment=environment, timeout_s=240)
        self.verbs |= {word for word in words[:1] if word in VERBS}
        self.said[line] = done.stdout + done.stderr
        assert "Please report" not in self.said[line], self.said[line]
        return done.returncode


@pytest.fixture
def desk(theirs: str, key: Path, tmp_path: Path) -> Desk:  # noqa: F811 - fixtures
    """A person's folder with scripts to run, and an instance of another tool's to adopt."""
    (tmp_path / "train.py").write_text("print('trained')\n")
    (tmp_path / "fails.py").write_text("import os\nraise SystemExit(sorted(os.environ.items()))\n")
    return Desk(folder=str(tmp_path), back=str(tmp_path / "back"), theirs=theirs, key=str(key))


def launch_and_token(desk: Desk, records: Records) -> dict[str, Any]:
    """Launch in a process apart, wait until it ends, and return what a program is told of it."""
    assert desk.type("launch p2.xlarge --yes --no-open --detach") == 0
    apart = next(one for one in records.operations.recent() if one.verb == "launch")
    eventually(lambda: psutil.pid_exists(apart.pid), lambda lives: not lives, "the launch's end", 120)
    answer = run("launch", "p2.xlarge", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    desk.said["launch --json"], desk.said["token --json"] = answer.err, run("token").err
    desk.verbs |= {"launch", "token"}
    document: dict[str, Any] = answer.document
    return document


@pytest.fixture
def kernel(demo) -> Iterator[KernelManager]:
    """A notebook's kernel, made by `kernel`, is begun by the test itself; here it is ended."""
    manager = KernelManager()
    yield manager
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)


def begin(kernel: KernelManager) -> str:
    """Begin a kernel on the instance; return the key that signs its messages."""
    kernel.kernel_name = run("kernel").document["spec"]
    kernel.start_kernel()
    return kernel.session.key.decode()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_secret_is_shown_logged_or_passed_on(home, demo, desk, aws: Aws, kernel) -> None:  # noqa: F811 - fixtures
    """Tokens, keys, credentials: in no verb's answer, no file but their own, no process's arguments or environment."""
    with secrets.Watch(home) as watch:
        watch.known |= {demo.secret_access_key: "the credentials", PASSPHRASE: "the passphrase"}
        box = launch_and_token(desk, Records(home / "data" / "demo"))
        watch.known |= {box["token"]: "a token", begin(kernel): "a kernel's key"}
        watch.known |= dict.fromkeys(secrets.of_user_data(aws("ec2"), box["instance_id"]), "the first host key")
        client.ask(demo, "policy", {"document": iam_policy()})  # each verb may do what `doctor --iam-policy` prints
        for line in LOOKING:
            assert desk.type(line) == 0, desk.said[line]
            assert desk.type(f"{line} --json") == 0, line
        for line in REFUSED:
            assert desk.type(f"{line} --debug") != 0, line
        for line in CHANGING:
            assert desk.type(line) == 0, desk.said[line]
        watch.gather()
        misplaced = secrets.out_of_place(home, watch.known)
        assert desk.type("terminate gpu --yes") == 0
        denied = client.ask(demo, "policy")["denied"]
        client.ask(demo, "policy", {"document": None})
    assert denied == []
    assert desk.verbs == set(VERBS) - set(NOT_TYPED)
    assert set(watch.known.values()) == {*ALL_KINDS}
    assert not {line for line, said in desk.said.items() if secrets.shown(said, watch.known)}
    for one in ("_tunnel", "jupyterlab", "launch p2.xlarge"):
        assert any(one in of for of in watch.seen.values()), f"no process of {one} was seen"
    assert not watch.leaks()
    misplaced += secrets.out_of_place(home, watch.known)
    assert not misplaced, "\n".join(misplaced)
