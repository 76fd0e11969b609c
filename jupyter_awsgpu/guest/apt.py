"""apt, with its lock waited for, its power cuts mended and its failures said in a sentence."""

from __future__ import annotations

import fcntl
import glob
import re
import time

from . import commands, facts, paths

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")
LOCK_WITHIN_S = 1200.0
TRIES = 4
UBUNTU = re.compile(
    r"https?://(?:[a-z0-9.-]+\.)?(?:archive|security)\.ubuntu\.com/ubuntu(?P<end>/?(?=\s|$))", re.MULTILINE
)
OPTIONS = [
    "-q",
    "-y",
    "-o",
    "DPkg::Lock::Timeout=120",
    "-o",
    "Acquire::Retries=3",
    "-o",
    "Dpkg::Options::=--force-confold",
]


def installed(names: list) -> bool:
    """Whether dpkg has all of them, fully."""
    have = facts.installed_packages(
        commands.ask(["dpkg-query", "-W", "-f", "${Package} ${Version} ${Status}\n"]).output
    )
    return all(name in have for name in names)


def install(names: list, config: dict, say) -> None:  # noqa: ANN001 - takes a sentence
    """Install packages; raises `commands.Failed` with the cause."""
    _wait_for_lock(say)
    _drop_partial()
    use_mirror(str((config.get("mirror") or {}).get("apt") or ""))
    _apt(["dpkg", "--force-confold", "--configure", "-a"])
    for attempt in range(1, TRIES + 1):
        try:
            _apt(["apt-get", *OPTIONS, "update"])
            say("Installing " + ", ".join(names))
            _apt(["apt-get", *OPTIONS, "install", "--no-install-recommends", *names])
        except commands.DiskFull as exc:
            raise commands.DiskFull(", ".join(names)) from exc
        except commands.Failed as exc:
            why = str(exc)
            if attempt == TRIES or "Unable to locate package" in why:
                raise
            say("apt failed; trying again (%d of %d)" % (attempt + 1, TRIES))
            time.sleep(5 * attempt)
        else:
            return


def use_mirror(mirror: str) -> None:
    """Point apt's sources at a mirror of Ubuntu's packages; its signatures are Ubuntu's as ever."""
    names = glob.glob(paths.at("/etc/apt/sources.list.d/*")) if mirror else []
    for path in [paths.at("/etc/apt/sources.list"), *names] if mirror else []:
        text = paths.read_text(path)
        fresh = mirrored(text, mirror)
        if fresh != text:
            paths.write_text(path, fresh)


def mirrored(sources: str, mirror: str) -> str:
    """Return apt sources with Ubuntu's archives replaced: pure. Other repositories, and ports, stay."""
    return UBUNTU.sub(lambda found: mirror.rstrip("/") + found.group("end"), sources)


def install_file(path: str, say) -> None:  # noqa: ANN001 - takes a sentence
    """Install one downloaded package."""
    _wait_for_lock(say)
    _apt(["dpkg", "-i", path])


def _drop_partial() -> None:
    """Remove what a power cut left of a list being fetched: apt stumbles over it at every further try."""
    for path in glob.glob(paths.at("/var/lib/apt/lists/partial/*")):
        paths.remove(path)


def _apt(argv: list) -> None:
    commands.do(argv, DEBIAN_FRONTEND="noninteractive", NEEDRESTART_MODE="l", LC_ALL="C")


def _wait_for_lock(say) -> None:  # noqa: ANN001 - takes a sentence
    deadline = time.monotonic() + LOCK_WITHIN_S
    said = False
    while any(_locked(paths.at(path)) for path in LOCKS):
        if not said:
            say("Waiting for another apt (unattended-upgrades, usually) to finish")
            said = True
        if time.monotonic() > deadline:
            raise commands.Failed("Another apt holds its lock for more than %d minutes." % (LOCK_WITHIN_S / 60))
        time.sleep(1)


def _locked(path: str) -> bool:
    try:
        with open(path, "r+b") as stream:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
