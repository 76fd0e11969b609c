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


def _python() -> str:
    return paths.at(HOME + "/bin/python")


def _right(path: str) -> bool:
    made_of = paths.read_text(paths.at(HOME + "/.awsgpu-made-of"))
    return os.path.exists(path) and made_of == downloads.checksum(path) and os.path.exists(paths.at(KERNELS))


def _make(path: str, config: dict, say) -> None:  # noqa: ANN001 - takes a sentence
    if not os.path.exists(path):
        raise commands.Failed("%s has not been brought here" % os.path.basename(path))
    shutil.rmtree(paths.at(HOME), ignore_errors=True)
    base = interpreter.path()
    if path.endswith((".yml", ".yaml")):
        conda = os.path.join(os.path.dirname(base), "conda")
        if not os.path.exists(conda):
            raise commands.Failed(
                "An environment.yml needs conda on the instance: provision it with --python miniforge."
            )
        channels = ["--override-channels", "-c", "conda-forge"] if not _names_channels(path) else []
        commands.do([conda, "env", "create", "-q", "-y", "-p", paths.at(HOME), "-f", path, *channels], timeout=3600)
        interpreter.pip_install(_python(), ["ipykernel"], config)
    else:
        commands.do([base, "-m", "venv", paths.at(HOME)])
        say("Installing the packages of " + os.path.basename(path))
        _install_each(path, config, say)
    spec = {"argv": [_python(), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}
    paths.write_json(paths.at(KERNELS), dict(spec, display_name="Python (environment)"))
    paths.write_text(paths.at(HOME + "/.awsgpu-made-of"), downloads.checksum(path))


def _names_channels(path: str) -> bool:
    return any(line.startswith("channels:") for line in paths.read_text(path).splitlines())


def _install_each(path: str, config: dict, say) -> None:  # noqa: ANN001 - takes a sentence
    """Install all at once; where that cannot be, one by one, and say what could not be matched."""
    try:
        interpreter.pip_install(_python(), ["ipykernel", "-r", path], config)
    except commands.Failed:
        unmatched = []
        interpreter.pip_install(_python(), ["ipykernel"], config)
        for line in paths.read_text(path).splitlines():
            wanted = line.partition("#")[0].strip()
            if wanted and not wanted.startswith("-"):
                try:
                    interpreter.pip_install(_python(), [wanted], config)
                except commands.Failed:
                    unmatched.append(wanted)
        paths.write_json(paths.state("unmatched.json"), unmatched)
        say("Could not be matched here: " + ", ".join(unmatched))
