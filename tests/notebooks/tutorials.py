"""A tutorial, executed on the simulated AWS as its reader would, and held to what its text says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbclient import NotebookClient

from tests.behaviour.road import secrets
from tests.first_day import first_day

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.client import DemoStatus

FOLDER = Path(__file__).parents[2] / "notebooks"
SECRETS = {
    "a token": re.compile(r"token[=\"': ]+[0-9a-f]{16,}|\b[0-9a-f]{40,}\b"),
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
    "credentials": re.compile(r"aws_secret_access_key|\bAKIA[0-9A-Z]{16}\b", re.IGNORECASE),
}
CLAIMS = {  # what the text of a notebook promises of the cell that follows, by the cell's own words
    "00-quickstart": {
        "plan p2.xlarge": ["SIMULATED", "K80", r"\$0\.90"],
        "launch p2.xlarge": ["SIMULATED", r"127\.0\.0\.1:\d+"],
        "nvidia-smi": ["K80"],
        "%awsgpu terminate": ["terminated"],
    },
    "01-choosing": {
        "types": ["g4dn.xlarge", "T4"],
        "HTML(bars)": ["us-west-2"],
        "quota g4dn.xlarge": ["vCPU"],
        "plan.ok": ["True", r"/h", "a month"],
    },
    "02-launch-and-train": {
        "getpass": ["ubuntu on Linux"],
        "trained =": [r"trained on .*: loss \d"],
        "SVG(": ["polyline"],
        "nvidia-smi": ["T4"],
        "%awsgpu terminate": ["terminated"],
    },
    "03-your-notebook-on-the-gpu": {
        "measured =": ["60 points"],
        "--out height": ["fitted there by ubuntu on Linux"],
        "shown here": [r"height 3\.0\d, rate 0\.\d\d, error 0\.0"],
        "still known": [r"still known there: 3\.0"],
        "awsgpu push": ["1 file|points.csv"],
        "lines arrived": ["60 lines arrived"],
        "--json kernel": [r"gpu \(g4dn\.xlarge, SIMULATED\)"],
        "start_new_kernel": ["ubuntu runs the whole notebook"],
        "%awsgpu terminate": ["terminated"],
    },
    "04-stop-image-relaunch": {
        "%awsgpu stop": ["stopped"],
        "cat work.txt": ["three weeks of work"],
        "%awsgpu image": ["SIMULATED"],
        "%awsgpu terminate": ["terminated"],
    },
    "06-when-something-goes-wrong": {
        "xlrage": ["g4dn.xlarge", "SIMULATED"],
        "plan g4dn": ["cannot launch yet", "0 vCPU"],
        "--request": ["Request"],
        "box = %awsgpu launch": [r"us-west-2b"],
        "%awsgpu connect": ["is stopped"],
        "%awsgpu launch g4dn.xlarge --name second": ["second"],
        "%awsgpu status": ["gpu", "second", "2 instances"],
        "%awsgpu terminate": ["terminated"],
    },
    "07-many-machines": {
        "plan g4dn": [r"2 x \$0\.526/h = \$1\.052/h", "8 needed"],
        "launch g4dn": ["2 workers are at work"],
        "%awsgpu status": ["many/1", "workers of 2 machines|2 machines as one Dask cluster"],  # some seconds old
        "%awsgpu dask": ["processes=2|Workers.*2"],
        "shares =": [r"40 tasks, pi = 3\.14159"],
        "gethostname": ["2 workers on 2 machines"],
        "%awsgpu terminate": ["terminated"],
    },
    "05-money": {
        "%awsgpu status": [r"\$0\.5"],
        "%awsgpu cost": [r"\$"],
        "%awsgpu terminate": ["terminated"],
    },
}


def leave_nothing(demo) -> None:
    """End what a failed notebook left, and give the next one an untouched account."""
    for instance in json.loads(awsgpu("--json", "status") or "[]"):
        awsgpu("terminate", instance["name"], "--yes")
    first_day(demo)


def awsgpu(*arguments: str) -> str:
    """Run the command line on the simulated AWS and return what it printed."""
    command = [sys.executable, "-m", "jupyter_awsgpu", "--demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def executed(path: Path, folder: Path):
    """Run a notebook top to bottom in a kernel of its own."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}, record_timing=False)
    return client.execute()


def shown(cell) -> str:
    """Return everything a cell shows, in every form."""
    texts = []
    for output in cell.get("outputs", ()):
        texts.append(output.get("text", ""))
        texts += [str(form) for form in output.get("data", {}).values()]
        texts += [output.get("evalue", "")]
    return re.sub(r"<style>.*?</style>", "", "\n".join(texts), flags=re.DOTALL)


def keeps_its_word(path: Path, folder: Path, demo: DemoStatus) -> None:
    """Run a notebook: without an error, showing what its text says, leaking neither secret nor machine."""
    with secrets.Watch(demo.state_dir.parents[2]) as watch:
        watch.known[demo.secret_access_key] = "the credentials"
        notebook = executed(path, folder)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for words, patterns in CLAIMS.get(path.stem, {}).items():
        concerned = [cell for cell in cells if words in cell.source]
        assert concerned, f"no cell says {words}"
        for pattern in patterns:
            assert re.search(pattern, shown(concerned[0])), f"{words}: no {pattern} in\n{shown(concerned[0])}"
    everything = "\n".join(shown(cell) for cell in cells)
    for what, pattern in SECRETS.items():
        assert not pattern.search(everything), f"{what}: {pattern.search(everything)}"
    keeps_secrets(notebook, folder, watch)
    for place in (str(Path(__file__).parents[2]), os.environ["HOME"], str(folder)):
        assert place not in everything


def keeps_secrets(notebook: nbformat.NotebookNode, folder: Path, watch: secrets.Watch) -> None:
    """Whatever secret there was while it ran is in no cell, no log or file, and no process was begun with it."""
    launches = any("launch" in cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert not launches or "a token" in watch.known.values(), "no token was seen: nothing was looked for"
    assert not secrets.shown(nbformat.writes(notebook), watch.known)
    assert not watch.leaks()
    for place in (watch.home, folder):
        assert secrets.out_of_place(place, watch.known) == []
