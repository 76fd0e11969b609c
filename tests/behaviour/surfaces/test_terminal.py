"""The terminal on the simulated AWS: what is printed where, and with which status a line ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jupyter_awsgpu import settings
from jupyter_awsgpu.verbs.policy import iam_policy
from tests.behaviour.road.terminal import run
from tests.behaviour.surfaces.conftest import run_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_awsgpu.demo.client import DemoStatus
    from tests.behaviour.surfaces.conftest import Outcome

    Terminal = Callable[..., Outcome]

PROMISED = {
    "name", "instance_id", "instance_type", "state", "region", "zone", "price_per_hour", "local_port", "remote_port",
    "local_url", "launch_id", "demo",
}  # fmt: skip
"""The fields of an instance's document that others may build on."""


def answer(url: str, token: str = "") -> int:
    """Ask the Jupyter behind `url` and return the HTTP status."""
    headers = {"Authorization": f"token {token}"} if token else {}
    return httpx.get(f"{url}api/status", headers=headers, timeout=10, trust_env=False).status_code


def test_launch_prints_one_document_that_opens_jupyter(launched: dict[str, Any]) -> None:
    """The token in it opens the server, and nothing does without it."""
    assert PROMISED | {"token"} <= launched.keys()
    assert launched["demo"] is True
    assert (answer(launched["local_url"], launched["token"]), answer(launched["local_url"])) == (200, 403)


def test_status_from_another_process_shows_it_without_token(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """AWS is the record: any process sees the instance; the token is not told."""
    outcome = awsgpu("status", "--json")
    [shown] = [one for one in outcome.document if one["name"] == "surf"]
    assert shown.keys() >= PROMISED
    assert shown["instance_id"] == launched["instance_id"]
    assert "token" not in shown
    assert launched["token"] not in outcome.out + outcome.err


def test_a_table_says_simulated_and_names_the_address(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """Text for people: badge, name, address."""
    out = awsgpu("status").out
    assert "SIMULATED" in out
    assert f"localhost:{launched['local_port']}" in out


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_doctor_prints_the_policy_alone(awsgpu: Terminal, options: tuple[str, ...]) -> None:
    """One JSON document on stdout, and nothing else, is what `aws iam create-policy` takes from a pipe."""
    outcome = awsgpu("doctor", "--iam-policy", *options)
    assert outcome.document == iam_policy()
    assert outcome.err == ""


def test_token_prints_the_token_alone(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """In a terminal it is asked for by name, and comes bare for a pipe."""
    assert awsgpu("token", "surf").out.strip() == launched["token"]
    assert awsgpu("token", "surf", "--json").document == {"token": launched["token"]}


def test_ssh_runs_a_command_as_it_was_typed(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """Quoted words stay words on the instance, and the command's own status comes back."""
    assert awsgpu("ssh", launched["name"], "--", "printf", "%s|", "two words", "$HOME").out == "two words|$HOME|"
    assert awsgpu("ssh", "surf", "--", "sh", "-c", "exit 7").status == 7


def test_ssh_alone_prints_the_exact_command(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """With our key and strict checking."""
    out = awsgpu("ssh", launched["name"]).out
    assert out.startswith("ssh ")
    assert "StrictHostKeyChecking=yes" in out


def test_a_second_launch_continues_what_is_there(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """The same line again is the same instance."""
    again = awsgpu("--json", "launch", "p2.xlarge", "--name", "surf", "--yes")
    assert again.document["instance_id"] == launched["instance_id"]


def test_another_type_under_the_same_name_is_refused(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """The difference is shown, in the form that was asked for."""
    refused = awsgpu("--json", "launch", "g4dn.xlarge", "--name", launched["name"], "--yes")
    assert (refused.status, refused.out) == (1, "")
    assert refused.refusal["error"] == "other-wishes"
    assert "p2.xlarge" in refused.refusal["message"]


def test_terminate_without_yes_says_what_would_be_lost(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """Nobody is there to ask, so nothing happens, and the remedy is the very line with --yes."""
    refused = awsgpu("terminate", launched["name"])
    assert refused.status == 2
    assert "deletes its disk" in refused.err
    assert "awsgpu --demo terminate surf --yes" in refused.err


def test_disconnect_and_connect(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """The tunnel closes and comes back; the instance never noticed."""
    assert awsgpu("disconnect", "surf", "--json").document["local_url"] is None
    back = awsgpu("connect", "surf", "--json").document
    assert answer(back["local_url"], launched["token"]) == 200


def test_what_there_is_to_choose_from(awsgpu: Terminal) -> None:
    """types, regions, quota, images and plan answer, as table and as document."""
    for words in (["types"], ["regions", "g4dn.xlarge"], ["quota", "g4dn.xlarge"], ["images"], ["plan", "g4dn.xlarge"]):
        table, document = awsgpu(*words), awsgpu(*words, "--json")
        assert (table.status, document.status) == (0, 0), table.err + document.err
        assert "SIMULATED" in table.out
        assert document.document


def test_looking_after_things(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """logs, doctor, cost, cleanup and keep answer."""
    lines = [["logs", launched["name"]], ["logs", "surf", "--source", "operations"], ["doctor"], ["cost"], ["cleanup"]]
    for words in [*lines, ["keep", "surf", "2h"]]:
        outcome = awsgpu(*words)
        assert outcome.status == 0, outcome.err
        assert outcome.out


def test_demo_status_lets_any_client_look(awsgpu: Terminal) -> None:
    """Endpoint and credentials of the simulated AWS are there for other programs."""
    document = awsgpu("demo", "status", "--json").document
    assert {"running", "endpoint", "access_key_id", "secret_access_key", "state_dir"} <= document.keys()
    assert document["running"] is True


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["launch", "p2xlarge"], 2, "unknown-type"),
        (["launch", "g9.xlarge"], 2, "unknown-type"),
        (["status", "--region", "us-west-9"], 2, "unknown-region"),
        (["stop", "nobody"], 1, "no-such-instance"),
        (["launch", "g5.12xlarge", "--name", "dear"], 2, "needs-yes"),
        (["launch", "g4dn.xlarge", "--name", "small", "--disk", "5"], 1, "disk-too-small"),
        (["launch", "g4dn.xlarge", "--name", "none", "--image", "ami-0000"], 1, "image-not-found"),
    ],
)
def test_refusals_are_machine_readable(awsgpu: Terminal, words: list[str], status: int, code: str) -> None:
    """Exit status, code, message and remedy; stdout stays empty."""
    refused = awsgpu("--json", *words)
    assert (refused.status, refused.out, refused.refusal["error"]) == (status, "", code)
    assert refused.refusal["message"]
    assert refused.refusal["remedy"]
    assert "Traceback" not in refused.err


def test_without_credentials_the_start_is_still_shown(home: object) -> None:
    """`awsgpu` alone, on a machine that knows no AWS, says how to begin."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_awsgpu"], capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert home
    assert done.returncode == 0, done.stderr
    assert "awsgpu launch" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.allowed_skip("POSIX signals")
def test_ctrl_c_ends_a_launch_at_once_and_says_how_to_go_on(awsgpu: Terminal) -> None:
    """Within a second, with status 130 and what exists; the same line then goes on."""
    line = ["--demo", "launch", "p2.xlarge", "--name", "cut", "--yes"]
    with subprocess.Popen(
        [sys.executable, "-m", "jupyter_awsgpu", *line],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        for shown in process.stderr:
            if "EC2 gave" in shown:
                break
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.wait(timeout=10)
        took = time.monotonic() - pressed
    assert process.returncode == 130, rest
    assert "exists and costs money" in rest
    assert "awsgpu --demo launch p2.xlarge --name cut" in rest
    assert took < 10.0  # a second, and time for a busy machine
    assert awsgpu("terminate", "cut", "--yes").status == 0


def test_detach_returns_at_once_and_the_launch_goes_on(awsgpu: Terminal) -> None:
    """Another process finishes it; `status` sees it arrive."""
    outcome = awsgpu("--json", "launch", "p2.xlarge", "--name", "apart", "--detach", "--yes")
    assert outcome.status == 0, outcome.err
    assert outcome.document["name"] == "apart"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = [one for one in awsgpu("status", "--json").document if one["name"] == "apart"]
        if found and found[0]["local_url"] and "launch apart: done" in awsgpu("logs", "--source", "operations").out:
            break
        time.sleep(0.5)
    else:
        pytest.fail(awsgpu("logs", "apart", "--source", "operations").out)
    assert awsgpu("terminate", "apart", "--yes").status == 0


def test_logs_as_json_are_one_document(awsgpu: Terminal, launched: dict[str, Any]) -> None:
    """A list of lines, for a program to read."""
    lines = awsgpu("logs", launched["name"], "--json").document
    assert lines
    assert all(isinstance(line, str) for line in lines)


BROKEN = ("[default\n", "[profile a]\n[profile a]\n", "[default]\ncredential_source = x\nrole_arn = y\n")


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_aws_configuration_is_said_with_what_helps(tmp_path: Path, text: str) -> None:
    """The real AWS, a file of it damaged: one sentence, one command, no traceback; `doctor` goes on past it."""
    config = tmp_path / "config"
    config.write_text(text)
    environment = {"AWS_CONFIG_FILE": str(config), "AWSGPU_DATA_DIR": str(tmp_path / "data")}
    outcome = run_line("--json", "--region", "us-west-2", "status", **environment)
    assert (outcome.status, outcome.refusal["error"]) == (1, "aws-config")
    assert outcome.refusal["remedy"]
    assert "Traceback" not in outcome.err
    looked = run_line("--region", "us-west-2", "doctor", **environment)
    assert "Your AWS configuration cannot be used" in " ".join(looked.out.split())
    assert not list((tmp_path / "data").rglob("bug-*"))


@pytest.mark.parametrize("name", [name for name in settings.names() if name != "data_dir"])
def test_nonsense_in_a_setting_is_never_a_bug(
    demo: DemoStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What is free text may be used as it is; else the refusal names the variable. Never a traceback."""
    assert demo.running
    monkeypatch.chdir(tmp_path)
    answer = run("plan", "p2.xlarge", **{f"AWSGPU_{name.upper()}": "\x01 [nonsense é"})
    assert "Traceback" not in answer.err
    if answer.status:
        assert answer.error["error"] not in ("bug", "error")
        assert answer.error["remedy"]
