"""The user's own environment, reproduced in a kernel of its own: requirements.txt or environment.yml."""

from __future__ import annotations

import os
import shutil

from . import commands, downloads, interpreter, paths
from .progress import Step

HOME = "/opt/awsgpu-env"
KERNELS = "/usr/local/share/jupyter/kernels/awsgpu-env/kernel.json"


def steps(config: dict) -> list:
    """Return the step for the file the configuration names (below /etc/awsgpu), if any."""
    name = os.path.basename(str(config.get("environment") or ""))
    if not name:
        return []
    path = paths.at("/etc/awsgpu/" + name)
    return [Step("environment", "Reproducing " + name, lambda: _right(path), lambda say: _make(path, config, say))]


def code_python(config: dict) -> str:
    """Return the Python that people's code runs in: the environment's, where one is wished for, else Jupyter's."""
    return _python() if config.get("environment") else interpreter.path()


def made_of() -> str:
    """Return the checksum of the file that the environment was made of, or ""."""
    return paths.read_text(paths.at(HOME + "/.awsgpu-made-of"))


def _python() -> str:
    return paths.at(HOME + "/bin/python")


def _right(path: str) -> bool:
    return os.path.exists(path) and made_of() == downloads.checksum(path) and os.path.exists(paths.at(KERNELS))


def _make(path: str, config: dict, say) -> str:  # noqa: ANN001 - takes a sentence
    if not os.path.exists(path):
        raise commands.Failed("%s has not been brought here" % os.path.basename(path))
    shutil.rmtree(paths.at(HOME), ignore_errors=True)
    unmatched = []
    base = interpreter.path()
    if path.endswith((".yml", ".yaml")):
        conda = os.path.join(os.path.dirname(base), "conda")
        if not os.path.exists(conda):
            raise commands.Failed(
                "An environment.yml needs conda on the instance: provision it with --python miniforge."
            )
        channel = str((config.get("mirror") or {}).get("conda_channel") or "")
        wanted = paths.state("environment.yml")
        paths.write_text(wanted, from_channel(paths.read_text(path), channel))
        pip = {"PIP_INDEX_URL": config["pip_index"]} if config.get("pip_index") else {}
        create = [conda, "env", "create", "-q", "-p", paths.at(HOME), "-f", wanted]
        commands.do(create, timeout=3600, CONDA_ALWAYS_YES="true", **pip)
        interpreter.pip_install(_python(), ["ipykernel"], config)
    else:
        interpreter.make_venv(base, paths.at(HOME))
        say("Installing the packages of " + os.path.basename(path))
        unmatched = _install_each(path, config)
    spec = {"argv": [_python(), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}
    paths.write_json(paths.at(KERNELS), dict(spec, display_name="Python (environment)"))
    paths.write_text(paths.at(HOME + "/.awsgpu-made-of"), downloads.checksum(path))
    return "Could not be matched here: " + ", ".join(unmatched) if unmatched else ""


def from_channel(document: str, channel: str) -> str:
    """Return an environment.yml that names `channel` and no other: pure.

    Without one the file's own channels stand, or conda-forge where it names none: `defaults` have terms
    that nobody here may accept. `conda env create` has options for channels in some versions only.
    """
    lines = document.splitlines()
    begins = next((number for number, line in enumerate(lines) if line.startswith("channels:")), None)
    if begins is not None:
        if not channel:
            return document
        ends = begins + 1
        while ends < len(lines) and (not lines[ends].strip() or lines[ends][0] in " -\t#"):
            ends += 1
        del lines[begins:ends]
    named = ["channels:", "  - " + (channel or "conda-forge"), "  - nodefaults"]
    return "\n".join([*named, *(line for line in lines if line.strip() != "---")]) + "\n"


def _install_each(path: str, config: dict) -> list:
    """Install all at once; where that cannot be, one by one, and return what could not be matched."""
    unmatched = []
    try:
        interpreter.pip_install(_python(), ["ipykernel", "-r", path], config)
    except commands.DiskFull:
        raise
    except commands.Failed:
        interpreter.pip_install(_python(), ["ipykernel"], config)
        for line in paths.read_text(path).splitlines():
            wanted = line.partition("#")[0].strip()
            if wanted and not wanted.startswith("-"):
                try:
                    interpreter.pip_install(_python(), [wanted], config)
                except commands.DiskFull:
                    raise
                except commands.Failed:
                    unmatched.append(wanted)
    return unmatched
