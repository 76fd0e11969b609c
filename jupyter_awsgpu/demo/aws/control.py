"""The control plane under `/_awsgpu/`: what the simulated AWS is doing, and its taps.

GET status, address, calls, settings, faults, ledger, policy; POST settings, faults, reset, busy, quota, capacity,
interrupt, cut, shutdown, policy, down; DELETE faults, calls. It answers JSON, and only to this machine's own programs:
any Origin or foreign Host header is refused, so that no web page can reach it.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from jupyter_awsgpu.demo.aws import capacity, ledger, quotas
from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.permissions import permissions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_awsgpu.demo.aws.gate import Calls
    from jupyter_awsgpu.demo.aws.world import World

BANNER = "SIMULATED AWS (jupyter-awsgpu demo): nothing here is real or costs money"


class Control:
    """A WSGI application. `reset` empties moto's stores; `end` ends the process."""

    def __init__(self, world: World, *, reset: Callable[[], None], end: Callable[[], None]) -> None:
        self._world = world
        self._reset = reset
        self._end = end
        self.calls: Calls | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"].removeprefix("/_awsgpu").strip("/")
        key = f"{environ['REQUEST_METHOD']} {path}"
        try:
            _require_local(environ)
            kind, body = "application/json", self._answer(key, environ)
            status = "200 OK"
        except PermissionError as exc:
            status, kind, body = "403 Forbidden", "application/json", {"error": str(exc)}
        except LookupError as exc:
            status, kind, body = "404 Not Found", "application/json", {"error": str(exc)}
        except (ValueError, TypeError) as exc:
            status, kind, body = "400 Bad Request", "application/json", {"error": str(exc)}
        if isinstance(body, str):
            kind, raw = "text/plain", body.encode()
        else:
            raw = json.dumps(body, default=str).encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(raw)))])
        return [raw]

    def _answer(self, key: str, environ: dict[str, Any]) -> Any:
        if key == "GET address":
            return f"{environ.get('REMOTE_ADDR', '127.0.0.1')}\n"  # in plain text, as checkip.amazonaws.com
        answers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "GET ": self._status,
            "GET status": self._status,
            "GET calls": self._calls,
            "DELETE calls": self._forget_calls,
            "GET settings": lambda _: asdict(self._world.settings),
            "POST settings": self._settings,
            "GET faults": lambda _: self._world.faults.listed(),
            "POST faults": self._faults,
            "DELETE faults": self._close_faults,
            "GET ledger": self._ledger,
            "GET policy": lambda _: permissions(self._world).report(),
            "POST policy": self._policy,
            "POST quota": self._quota,
            "POST capacity": self._capacity,
            "POST busy": self._busy,
            "POST interrupt": self._interrupt,
            "POST cut": self._cut,
            "POST shutdown": self._shutdown,
            "POST reset": self._start_over,
            "POST down": self._down,
        }
        if key not in answers:
            raise LookupError(f"no such thing: {key}; there are: {', '.join(answers)}")
        return answers[key](_asked(environ))

    def _status(self, _asked: dict[str, Any]) -> dict[str, Any]:
        with self._world.lock:
            states = [
                {
                    "id": one.id,
                    "region": one.region,
                    "state": one.state,
                    "type": one.instance.instance_type,
                    "port": one.port,
                }
                for one in machines(self._world).all()
            ]
        return {
            "simulated": True,
            "banner": BANNER,
            "pid": os.getpid(),
            "up_s": round(time.time() - self._world.started, 1),
            "instances": states,
            "settings": asdict(self._world.settings),
            "faults": self._world.faults.listed(),
        }

    def _calls(self, asked: dict[str, Any]) -> Any:
        return self.calls.since(int(asked.get("since", 0))) if self.calls else []

    def _forget_calls(self, _asked: dict[str, Any]) -> dict[str, Any]:
        if self.calls:
            self.calls.clear()
        return {"ok": True}

    def _settings(self, asked: dict[str, Any]) -> Any:
        self._world.settings.change(asked)
        return asdict(self._world.settings)

    def _faults(self, asked: dict[str, Any]) -> Any:
        return asdict(self._world.faults.add(asked))

    def _close_faults(self, _asked: dict[str, Any]) -> Any:
        self._world.faults.clear()
        return {"ok": True}

    def _ledger(self, asked: dict[str, Any]) -> Any:
        with self._world.lock:
            rows = ledger.rows(self._world, asked.get("region"))
        return {
            "resources": rows,
            "per_hour": round(sum(row["per_hour"] for row in rows), 8),
            "cost": round(sum(row["cost"] for row in rows), 8),
        }

    def _quota(self, asked: dict[str, Any]) -> Any:
        """`{"region": …, "code": …, "value": …}` sets a quota at once."""
        if asked.get("code") not in quotas.NAMES:
            raise ValueError(f"unknown quota code {asked.get('code')!r}")
        quotas.grant(self._world, str(asked["region"]), str(asked["code"]), float(asked["value"]))
        return {"ok": True}

    def _capacity(self, asked: dict[str, Any]) -> Any:
        """`{"instance_type": …, "zone": …, "room": 3}`: so many of the type the zone holds; without zone, each one."""
        room = asked.get("room")
        with self._world.lock:
            capacity.set_room(self._world, str(asked.get("instance_type")), room, asked.get("zone"))
        return {"ok": True}

    def _policy(self, asked: dict[str, Any]) -> Any:
        """`{"document": …}` puts an IAM policy in force for every call; null ends that."""
        with self._world.lock:
            permissions(self._world).set(asked["document"])
        return {"ok": True}

    def _busy(self, asked: dict[str, Any]) -> Any:
        """`{"instance_id": …, "percent": 0-100}` loads the sham GPU."""
        self._world.fleet.set_busy(self._running(asked), int(asked.get("percent", 100)))
        return {"ok": True}

    def _interrupt(self, asked: dict[str, Any]) -> Any:
        """`{"instance_id": …, "notice_s": 120}` takes a spot instance back, announced on the host first."""
        from jupyter_awsgpu.demo.aws.interruption import interrupt

        with self._world.lock:
            return interrupt(self._world, self._running(asked), float(asked.get("notice_s", 120.0)))

    def _cut(self, asked: dict[str, Any]) -> Any:
        """`{"instance_id": …, "seconds": …}` cuts the host off the network for so long: SSH ends and is refused."""
        self._world.fleet.cut(self._running(asked), float(asked.get("seconds", 10.0)))
        return {"ok": True}

    def _shutdown(self, asked: dict[str, Any]) -> Any:
        """`{"instance_id": …}` does what the fleet does when somebody runs `shutdown` on the host."""
        machines(self._world).guest_shut_down(self._running(asked))
        return {"ok": True}

    def _running(self, asked: dict[str, Any]) -> str:
        machine = machines(self._world).get(str(asked.get("instance_id")))
        if machine is None or machine.state != "running":
            raise LookupError(f"no running instance {asked.get('instance_id')!r}")
        return machine.id

    def _start_over(self, _asked: dict[str, Any]) -> Any:
        self._reset()
        return {"ok": True}

    def _down(self, _asked: dict[str, Any]) -> Any:
        self._world.timetable.at(0.05, self._end)  # after this answer has left
        return {"ok": True}


def _require_local(environ: dict[str, Any]) -> None:
    host = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname
    if host not in ("127.0.0.1", "localhost", None) or "HTTP_ORIGIN" in environ:
        raise PermissionError("the control plane answers this machine's own programs only")


def _asked(environ: dict[str, Any]) -> dict[str, Any]:
    if environ["REQUEST_METHOD"] == "GET":
        return {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    value = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
    if not isinstance(value, dict):
        raise TypeError("the body must be one JSON object")
    return value
