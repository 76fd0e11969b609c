#!/usr/bin/env python3
"""One door for working on this repository. Standard library only; Linux, macOS and Windows.

    python3 dev.py demo  [--headless]     a simulated AWS, an instance on it, the quickstart notebook
    python3 dev.py test  [LAYER ...] [--fast] [-- PYTEST ARGUMENTS]     lint, types, layers, then the tests
    python3 dev.py lint  [--fast]         ruff, mypy, import-linter; advisories; types, eslint and jest of the sidebar
    python3 dev.py matrix [-- ARGUMENTS]  every verb killed and refused wherever it can be; hours without --sample
    python3 dev.py docs                   the site, with warnings as errors, in docs/_build/html
    python3 dev.py bench                  the benchmarks, with their figures
    python3 dev.py clean                  end the demo, remove what this script made

Everything is installed into .dev/venv, a folder of its own; nothing else on the machine changes,
except that `test` run as root on Debian installs the Debian packages its heavy layers need.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".dev" / "venv"
BIN = "Scripts" if os.name == "nt" else "bin"
OLDEST = (3, 11)
MUST_RUN = os.environ.get("CI") == "true" or os.environ.get("AWSGPU_TESTS_MUST_RUN") == "1"
LAYERS = ("system", "notebooks", "browser", "behaviour", "unit")  # the longest first: all workers end together
ADVISORIES = "https://pypi.org/pypi/requests/2.20.0/json"  # a version with advisories: some indexes know none
AUDITOR = "pip-audit>=2.7,<3"  # installed where advisories can be asked for
FAST_LAYERS = ("behaviour", "unit")
DEBIAN_PACKAGES = {  # what a layer drives for real, beyond Python
    "unit": ("shellcheck",),
    "behaviour": ("openssh-server", "openssh-client", "procps", "rsync", "tmux"),
    "system": ("debootstrap", "openssh-server", "iproute2", "iptables", "util-linux"),
    "browser": ("chromium", "fonts-noto-cjk", "openssh-server", "openssh-client"),
}


def main() -> int:
    """Read the command line and open the door asked for."""
    arguments, pytest_arguments = split(sys.argv[1:])
    options = grammar().parse_args(arguments)
    if pytest_arguments and options.door not in (test, matrix, bench):
        sys.exit("Only `test`, `matrix` and `bench` take arguments after `--`.")
    if sys.version_info < OLDEST:
        return again_with_newer_python()
    os.chdir(ROOT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # thousands of processes begin here: each would compile us anew
    try:
        return int(options.door(options, pytest_arguments) or 0)
    except subprocess.CalledProcessError as failed:
        say("stopped: " + " ".join(map(str, failed.cmd)) + " ended with status " + str(failed.returncode))
        return 1
    except KeyboardInterrupt:
        return 130


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part our own arguments from those after `--`, which are pytest's."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def grammar() -> argparse.ArgumentParser:
    """Return the command line's grammar; each door is a function below."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    doors = parser.add_subparsers(required=True, metavar="DOOR")
    for door in (demo, test, lint, matrix, docs, bench, clean):
        sub = doors.add_parser(door.__name__, help=(door.__doc__ or "").splitlines()[0])
        sub.set_defaults(door=door)
        if door is demo:
            sub.add_argument("--headless", action="store_true", help="open no JupyterLab; leave the instance up")
        if door is test:
            sub.add_argument("layers", nargs="*", metavar="LAYER", help=", ".join(LAYERS))
            sub.add_argument("--fast", action="store_true", help="only " + " and ".join(FAST_LAYERS))
        if door is lint:
            sub.add_argument("--fast", action="store_true", help="without advisories and the sidebar's TypeScript")
    return parser


# ── the doors ────────────────────────────────────────────────────────────────────────────────


def demo(options: argparse.Namespace, _rest: list[str]) -> int:
    """Launch a p2.xlarge on the simulated AWS, then open the quickstart notebook."""
    install("demo")
    awsgpu = str(tool("awsgpu"))
    say("This is SIMULATED: an AWS on this machine, nothing is billed.")
    run(awsgpu, "--demo", "launch", "p2.xlarge", "--yes", "--no-open")
    stop = f"To end it:  {awsgpu} --demo terminate --yes  and  {awsgpu} demo down"
    if options.headless:
        say("The remote Jupyter stays up at the local address above; its token: " + awsgpu + " --demo token")
        say(stop)
        return 0
    say(stop)
    lab = [str(tool("jupyter")), "lab", str(ROOT / "notebooks" / "00-quickstart.ipynb")]
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return subprocess.call([*lab, *as_root], env={**os.environ, "AWSGPU_DEMO": "1"})


def test(options: argparse.Namespace, pytest_arguments: list[str]) -> int:
    """Lint, then run the tests of all layers (or of those named)."""
    unknown = set(options.layers) - set(LAYERS)
    if unknown:
        sys.exit("Unknown layer " + ", ".join(sorted(unknown)) + "; there are " + ", ".join(LAYERS) + ".")
    layers = options.layers or (FAST_LAYERS if options.fast else LAYERS)
    debian_packages(layers)
    install("dev")
    building = start_building_root() if "system" in layers else None
    linted = lint(options, [])
    if building:
        building.wait()  # what went wrong with it, the tests that need it say themselves
    folders = [str(ROOT / "tests" / layer) for layer in LAYERS if layer in layers]
    tested = subprocess.call([str(tool("python")), "-m", "pytest", *side_by_side(), *folders, *pytest_arguments])
    if linted:
        say("lint found mistakes: see above, or run  python3 dev.py lint")
    return tested or linted


def side_by_side() -> tuple[str, ...]:
    """Return pytest's arguments for a worker a core and one more: the heavy layers mostly wait. `-- -n0` undoes it."""
    workers = min((os.cpu_count() or 1) + 1, 6)
    return ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder")


def start_building_root() -> subprocess.Popen[bytes] | None:
    """Begin to build the root file system of the system layer's hosts, if this machine can and has not."""
    if not shutil.which("debootstrap"):
        return None
    return subprocess.Popen(
        [str(tool("python")), "-m", "tests.system.rootfs"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def lint(options: argparse.Namespace, _rest: list[str]) -> int:
    """Run ruff, mypy and import-linter, then pip-audit and the sidebar's own checks; each says its findings."""
    install("dev")
    checks = {
        "ruff check": [tool("ruff"), "check", "--quiet", "."],
        "ruff format": [tool("ruff"), "format", "--quiet", "--check", "."],
        "mypy": [tool("mypy"), "--no-error-summary"],
        "bandit": [tool("bandit"), "--quiet", "--recursive", "-lll", "jupyter_awsgpu"],  # the milder ones are ruff's
        "import-linter": [tool("lint-imports"), "--no-cache"],
    }
    passed = [quiet_success(name, command) for name, command in checks.items()]
    if not options.fast:
        passed += [advisories(), typescript()]
    return 0 if all(passed) else 1


def advisories(known: str = ADVISORIES) -> bool:
    """Ask PyPI for advisories on all that is installed; where it does not answer such questions, say so and go on."""
    try:
        with urllib.request.urlopen(known, timeout=10) as answer:  # noqa: S310 - PyPI's own address
            why = "" if b'"vulnerabilities"' in answer.read() else "none in the answer"
    except OSError as exc:
        why = str(exc)
    if why:
        say(f"pip-audit: not asked, for PyPI's advisories do not answer here ({why})")
        return True
    if not tool("pip-audit").exists():
        run(tool("python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", AUDITOR)
    return quiet_success("pip-audit", [tool("pip-audit"), "--local", "--skip-editable", "--progress-spinner", "off"])


def typescript() -> bool:
    """Check the sidebar: types, eslint, jest; first install what does, unless that was done for these locks."""
    folder, jlpm = ROOT / "labextension", tool("jlpm")
    stamp, fingerprint = ROOT / ".dev" / "node-modules", digest(folder / "yarn.lock", folder / "check" / "yarn.lock")
    if not stamp.exists() or stamp.read_text() != fingerprint:
        say("Installing what checks the sidebar's TypeScript (once; a minute or three) …")
        for step in (["install", "--immutable"], ["run", "install:check"]):
            if not quiet_success("jlpm " + " ".join(step), [jlpm, *step], folder):
                return False
        stamp.write_text(fingerprint)
    return quiet_success("typescript", [jlpm, "run", "check"], folder)


def matrix(_options: argparse.Namespace, arguments: list[str]) -> int:
    """Kill each verb at each boundary it passes, refuse each call it makes; print what was tried and lost."""
    install("dev")
    return subprocess.call([str(tool("python")), "-m", "tests.matrix", *arguments])


def docs(_options: argparse.Namespace, _rest: list[str]) -> int:
    """Build the site with warnings as errors."""
    install("dev")
    built = ROOT / "docs" / "_build" / "html"
    run(tool("python"), "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", "-b", "html", "docs", str(built))
    say(f"Built {built / 'index.html'}")
    return 0


def bench(_options: argparse.Namespace, pytest_arguments: list[str]) -> int:
    """Run the benchmarks and print their figures."""
    install("dev")
    return subprocess.call([str(tool("python")), "tests/bench/speed.py", *pytest_arguments])


def clean(_options: argparse.Namespace, _rest: list[str]) -> int:
    """End the demo and remove what this script and its tools made here."""
    if tool("awsgpu").exists():
        subprocess.call([str(tool("awsgpu")), "demo", "down"])
    for made in (".dev", ".mypy_cache", ".ruff_cache", ".pytest_cache", "docs/_build", "build", "dist"):
        shutil.rmtree(ROOT / made, ignore_errors=True)
    return 0


# ── installing ───────────────────────────────────────────────────────────────────────────────


def install(*extras: str) -> None:
    """Install the package with `extras` into .dev/venv, unless that was done for this pyproject.toml."""
    make_venv()
    stamp = VENV / ("installed-" + "-".join(sorted(extras)))
    fingerprint = digest(ROOT / "pyproject.toml", *sorted((ROOT / "labextension" / "src").rglob("*.ts*")))
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    say("Installing jupyter-awsgpu[" + ",".join(extras) + "] into .dev/venv (once; a minute or three) …")
    wish = f"{ROOT}[{','.join(extras)}]"
    run(tool("python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--editable", wish)
    stamp.write_text(fingerprint)


def make_venv() -> None:
    """Make .dev/venv, or say what this machine lacks for it."""
    if tool("python").exists():
        return
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    sys.exit(
        f"{made.stdout}{made.stderr}\n"
        f"This Python {version} cannot make virtual environments (venv or ensurepip is missing).\n"
        f"  Debian, Ubuntu:  sudo apt-get install python{version}-venv\n"
        f"  Fedora:          sudo dnf install python3-pip\n"
        f"  Windows, macOS:  install Python from https://www.python.org/downloads/\n"
        "Then run the same command again."
    )


def digest(*files: Path) -> str:
    """Return a fingerprint of where this repository lies and of the contents of some of its files."""
    return hashlib.sha256(b"".join([str(ROOT).encode(), *(file.read_bytes() for file in files)])).hexdigest()


def debian_packages(layers: tuple[str, ...] | list[str]) -> None:
    """As root on Debian, install what the layers drive for real; elsewhere those tests say what they miss."""
    if not shutil.which("apt-get") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    wanted = sorted({package for layer in layers for package in DEBIAN_PACKAGES.get(layer, ())})
    missing = [package for package in wanted if not debian_has(package)]
    if not missing:
        return
    say("Installing Debian packages for the tests: " + " ".join(missing))
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *missing]):
        subprocess.run(
            ["apt-get", *command], env=quiet, check=MUST_RUN, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )


def debian_has(package: str) -> bool:
    """Return whether dpkg holds the package as installed."""
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip().endswith("ok installed")


def again_with_newer_python() -> int:
    """Run this script with a newer Python of this machine, or say which one is needed."""
    for minor in range(16, OLDEST[1] - 1, -1):
        newer = shutil.which("python3." + str(minor))
        if newer and subprocess.call([newer, "-c", ""]) == 0:
            return subprocess.call([newer, *sys.argv])
    sys.exit("jupyter-awsgpu needs Python 3.11 or newer, and this one is " + sys.version.split()[0] + ".")


# ── running ──────────────────────────────────────────────────────────────────────────────────


def tool(name: str) -> Path:
    """Return the path of a command inside .dev/venv."""
    return VENV / BIN / (name + (".exe" if os.name == "nt" else ""))


def run(*command: object) -> None:
    """Run a command, its output as its own; stop everything if it fails."""
    subprocess.run([str(part) for part in command], check=True)


def quiet_success(name: str, command: list[str | Path], folder: Path = ROOT) -> bool:
    """Run a check in a folder: one line if it passes, its whole output if it does not."""
    path = str(VENV / BIN) + os.pathsep + os.environ.get("PATH", "")  # jlpm looks for node, which is in the venv
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    say(f"{name}: " + ("ok" if done.returncode == 0 else "FAILED\n" + done.stdout + done.stderr))
    return done.returncode == 0


def say(text: str) -> None:
    """Print a line of this script's own, at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
