"""The Python that Jupyter and the kernels use: the image's own, or one installed beside the system's."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil

from . import accounts, commands, downloads, paths
from .progress import Step

MINIFORGE = "https://github.com/conda-forge/miniforge/releases/latest/download/Miniforge3-Linux-{machine}.sh"
ANACONDA = "https://repo.anaconda.com/archive/Anaconda3-2025.06-0-Linux-{machine}.sh"
IMAGE_OWN = ("/opt/pytorch/bin/python3", "/opt/conda/bin/python3", "/opt/*/bin/python3", "/opt/conda/envs/*/bin/python")
PACKAGES = ("jupyterlab>=4.2", "ipykernel")
FREE_GB = 4.0
PROFILE_FILE = "/etc/profile.d/awsgpu-python.sh"

PROBE = """
import importlib.util, json, sys
from importlib.metadata import distributions
print(json.dumps({
    "version": ".".join(map(str, sys.version_info[:3])),
    "torch": importlib.util.find_spec("torch") is not None,
    "packages": {(d.metadata["Name"] or "").lower().replace("_", "-"): d.version for d in distributions()},
}))
"""


def steps(config: dict, machine: str) -> list:
    """Return the steps from nothing to an interpreter with Jupyter in it."""
    wish = config.get("python") or "auto"
    wanted = config.get("jupyter_packages") or list(PACKAGES)
    return [
        Step(
            "python",
            "Finding the Python to work with",
            lambda: _chosen(wish),
            lambda say: _choose(wish, config, machine, say),
        ),
        Step(
            "packages",
            "Installing JupyterLab",
            lambda: not missing(wanted, packages(path())),
            lambda say: _install(wanted, config, say),
        ),
    ]


def path() -> str:
    """Return the interpreter in use, or "" before it is chosen."""
    return str(paths.read_json(paths.state("python.json"), {}).get("path", ""))


def probe(python: str) -> dict:
    """Return what an interpreter says of itself, or nothing if it does not run."""
    if not os.path.exists(python):
        return {}
    done = commands.ask([python, "-c", PROBE], timeout=60, user=accounts.name())
    try:
        return json.loads(done.output.strip().splitlines()[-1]) if done.status == 0 else {}
    except (ValueError, IndexError):
        return {}


def packages(python: str) -> dict:
    """Return name → version of what the interpreter has installed."""
    return probe(python).get("packages", {}) if python else {}


def missing(wanted: list, have: dict) -> list:
    """Return those requirements (`name`, `name>=1.2`, `name==1.2`) that are not met: pure."""
    return [one for one in wanted if not _met(one, have)]


def _met(requirement: str, have: dict) -> bool:
    name, sign, version = [*re.split(r"(>=|==)", requirement, maxsplit=1), "", ""][:3]
    got = have.get(name.strip().lower().replace("_", "-"))
    if got is None or not sign:
        return got is not None
    if sign == "==":
        return got == version.strip()
    return _numbers(got) >= _numbers(version)


def _numbers(version: str) -> tuple:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _chosen(wish: str) -> bool:
    record = paths.read_json(paths.state("python.json"), {})
    python = str(record.get("path", ""))
    found = record.get("wish") == wish and os.access(python, os.X_OK)
    return found and paths.read_text(paths.at(PROFILE_FILE)) == profile(python)


def _choose(wish: str, config: dict, machine: str, say) -> None:  # noqa: ANN001 - takes a sentence
    found = image_own() if wish == "auto" else ""
    if not found:
        kind = "miniforge" if wish == "auto" else wish
        found = _system(config, say) if kind == "system" else _conda(kind, machine, say)
    about = probe(found)
    if not about:
        raise commands.Failed("%s does not run" % found)
    say("Python %s at %s" % (about["version"], found))
    paths.write_text(paths.at(PROFILE_FILE), profile(found))
    paths.write_json(paths.state("python.json"), {"wish": wish, "path": found, "version": about["version"]})


def profile(python: str) -> str:
    """Return what puts a Python that was installed here on the PATH of login shells; an image has its own ways."""
    return "export PATH=%s:$PATH\n" % os.path.dirname(python) if _installed_here(python) else ""


def _installed_here(python: str) -> bool:
    return python.startswith((paths.at("/opt/miniforge3/"), paths.at("/opt/anaconda3/"), paths.program()))


def image_own() -> str:
    """Return the image's own interpreter for this work: the one that imports torch, else one with JupyterLab."""
    second = ""
    seen = set()
    for candidate in (one for pattern in IMAGE_OWN for one in sorted(glob.glob(paths.at(pattern)))):
        if candidate in seen or _installed_here(candidate):
            continue
        seen.add(candidate)
        about = probe(candidate)
        if about.get("torch"):
            return candidate
        if "jupyterlab" in about.get("packages", {}):
            second = second or candidate
    return second


def _system(config: dict, say) -> str:  # noqa: ANN001 - takes a sentence
    """Make an environment on the system's Python: the system's own packages are the distribution's to change."""
    home = paths.at("/opt/awsgpu-python")
    python = os.path.join(home, "bin", "python3")
    if not probe(python).get("packages", {}).get("pip"):
        from . import apt

        shutil.rmtree(home, ignore_errors=True)
        if commands.ask(["python3", "-c", "import ensurepip"]).status:
            apt.install(["python3-venv"], config, say)
        make_venv("python3", home)
    return python


def _conda(kind: str, machine: str, say) -> str:  # noqa: ANN001 - takes a sentence
    """Install Miniforge or Anaconda silently. No terms of service are accepted for anybody."""
    home = paths.at("/opt/%s3" % kind)
    python = os.path.join(home, "bin", "python3")
    whole = os.path.join(home, ".awsgpu-whole")
    if os.path.exists(whole):
        return python
    if shutil.disk_usage(paths.at("/opt") if os.path.isdir(paths.at("/opt")) else paths.at("/")).free < FREE_GB * 1e9:
        raise commands.DiskFull("%s, which needs %g GB" % (kind, FREE_GB))
    mirror = paths.mirrors()
    url = mirror.get(kind) or (MINIFORGE if kind == "miniforge" else ANACONDA).format(machine=machine)
    installer = paths.state("downloads", kind + ".sh")
    say("Downloading %s" % os.path.basename(url))
    published = mirror.get(kind + "_sha256") or downloads.published_sha256(downloads.text(url + ".sha256"))
    downloads.fetch(url, installer, published, say)
    say("Installing %s" % kind)
    shutil.rmtree(home, ignore_errors=True)  # half an installation, left by a power cut
    commands.do(["bash", installer, "-b", "-p", home])
    paths.write_text(whole, "")
    paths.remove(installer)
    return python


def _install(wanted: list, config: dict, say) -> None:  # noqa: ANN001 - takes a sentence
    python = path()
    lacking = missing(wanted, packages(python))
    say("Installing " + ", ".join(re.split("[>=]", one)[0] for one in lacking))
    pip_install(python, lacking, config)


def make_venv(base: str, home: str) -> None:
    """Make a virtual environment; pip by a command of its own, for venv keeps to itself why that failed."""
    commands.do([base, "-m", "venv", "--without-pip", home])
    commands.do([os.path.join(home, "bin", "python3"), "-m", "ensurepip", "--upgrade", "--default-pip"])


def pip_install(python: str, words: list, config: dict) -> None:
    """Run the interpreter's pip; slow mirrors get time and retries."""
    index = ["--index-url", config["pip_index"]] if config.get("pip_index") else []
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "5", "--timeout", "60"]
    commands.do([python, "-m", "pip", "install", *quiet, *index, *words], timeout=3600)
