"""Services as systemd units `awsgpu-NAME.service` (and `.timer` for timed ones)."""

from __future__ import annotations

from . import commands, paths

UNIT = """[Unit]
Description=awsgpu {name}
After=network.target awsgpu-boot.service
StartLimitIntervalSec=0

[Service]
Type={kind}
User={user}
WorkingDirectory=-{cwd}
{environment}
ExecStart={command}
{restart}
KillMode=mixed
TimeoutStopSec=10
StandardOutput=append:{log}
StandardError=append:{log}
{install}"""

TIMER = """[Unit]
Description=awsgpu {name}, every {every} s

[Timer]
OnActiveSec={every}
OnUnitActiveSec={every}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""

BOOT = """[Unit]
Description=awsgpu: whose machine this is, and its last guard, before anybody can come in
After=cloud-init.service cloud-init-network.service
Before=ssh.service sshd.service

[Service]
Type=oneshot
ExecStart={command}

[Install]
WantedBy=multi-user.target
"""

RESTART = {
    "always": "Restart=always\nRestartSec=1",
    "abnormal": "Restart=on-abnormal\nRestartSec=1",
}
INSTALL = "\n[Install]\nWantedBy=multi-user.target\n"


def quoted(word: str) -> str:
    """Return one word for ExecStart= or Environment=, nothing in it read by systemd."""
    return '"%s"' % word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


def unit(service) -> str:  # noqa: ANN001 - services.Service
    """Return the text of the service's unit (a pure function)."""
    env = dict(service.env)
    return UNIT.format(
        name=service.name,
        kind="oneshot" if service.every else "simple",
        user=service.user or "root",
        cwd=service.cwd,
        environment="\n".join(
            "Environment=" + quoted("%s=%s" % pair).replace("$$", "$") for pair in sorted(env.items())
        ),
        command=" ".join(quoted(word) for word in service.argv),
        restart="" if service.every else RESTART[service.restart],
        log=paths.log(service.name),
        install="" if service.every else INSTALL,
    )


class Systemd:
    """The backend for a host with systemd."""

    starts_at_early_boot = False

    def install_boot(self, argv: list) -> None:
        """Have `argv` run at every boot before sshd: also where another user-data than ours booted our image."""
        text = BOOT.format(command=" ".join(quoted(word) for word in argv))
        if paths.write_text(paths.at("/etc/systemd/system/awsgpu-boot.service"), text):
            self._ctl("daemon-reload")
            self._ctl("-q", "--no-reload", "enable", "awsgpu-boot.service")

    def install(self, service) -> bool:  # noqa: ANN001 - services.Service
        """Write and enable the unit; return whether anything changed."""
        folder = paths.at("/etc/systemd/system/")
        full = "awsgpu-" + service.name
        paths.write_text(paths.log(service.name), paths.read_text(paths.log(service.name)))
        changed = paths.write_text(folder + full + ".service", unit(service))
        wake = ".service"
        if service.every:
            wake = ".timer"
            changed |= paths.write_text(folder + full + wake, TIMER.format(name=service.name, every=service.every))
        if changed:
            self._ctl("daemon-reload")
        if self._ctl("is-enabled", "-q", full + wake, check=False):
            self._ctl("-q", "--no-reload", "enable", full + wake)
        return changed

    def start(self, name: str) -> None:
        """Start it if it does not run; never waits (boot itself may be what is waited for)."""
        self._ctl("--no-block", "start", self._wake(name))

    def restart(self, name: str) -> None:
        """Stop it if it runs and start it."""
        self._ctl("--no-block", "restart", self._wake(name))

    def stop(self, name: str) -> None:
        """Stop it and keep it from coming back at the next boot."""
        wake = self._wake(name)
        self._ctl("-q", "disable", "--now", wake, check=False)
        self._ctl("stop", "awsgpu-%s.service" % name, check=False)

    def remove(self, name: str) -> None:
        """Stop it and keep nothing of it; never waits (boot itself may be what is waited for)."""
        wake = self._wake(name)
        self._ctl("-q", "--no-block", "disable", "--now", wake, check=False)
        self._ctl("--no-block", "stop", "awsgpu-%s.service" % name, check=False)
        for unit in {wake, "awsgpu-%s.service" % name}:
            paths.remove(paths.at("/etc/systemd/system/" + unit))
        self._ctl("daemon-reload", check=False)

    def running(self, name: str) -> bool:
        """Whether it runs (for a timed one: whether its timer does)."""
        return not self._ctl("is-active", "-q", self._wake(name), check=False)

    def pid(self, name: str) -> int:
        """Return the main process, or 0."""
        text = commands.ask(["systemctl", "show", "-p", "MainPID", "awsgpu-%s.service" % name]).output
        return int("".join(letter for letter in text if letter.isdigit()) or 0)

    def _wake(self, name: str) -> str:
        timer = "awsgpu-%s.timer" % name
        return timer if paths.read_text(paths.at("/etc/systemd/system/" + timer)) else "awsgpu-%s.service" % name

    def _ctl(self, *words: str, check: bool = True) -> int:
        done = commands.ask(["systemctl", *words], timeout=60)
        if check and done.status:
            raise commands.Failed("systemctl %s: %s" % (" ".join(words), done.output.strip()))
        return done.status
