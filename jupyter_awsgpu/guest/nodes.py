"""The nodes of a cluster tell its head how they are, and hear what becomes of all: one small service on the head.

HTTPS on the head's private address, both ends proven by the cluster's own certificates and by nothing else. The service
also asks the engine's scheduler, every few seconds: between two ticks of the watchdog much can begin and end.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import ssl
import threading
import time

from . import engines, idle, paths

NAME = "cluster"
PORT = 8785
LOOK_EVERY_S = 5.0
SPARING = 20
PAUSE_AT_MOST_S = 30.0
"""A scheduler that answers slowly has much to do: it is asked for a twentieth of its time, but twice a minute."""

LOOK_AT_MOST_S = 20.0
"""Two questions, and so long a slow scheduler's look may take."""

STALE_S = 60.0
ANSWER_WITHIN_S = 5.0
ANSWERED_S = 1.0
"""So long the last worker's answer may take to reach it, before the head goes."""

SAID_AT_MOST = 4096


def folder(*parts: str) -> str:
    """Return a path in the user's folder of what belongs to the cluster: its PEM files, and the head's board."""
    return paths.state("cluster", *parts)


# ── a worker's side ──


def ask(part: dict, busy_because: "str | None", every: float) -> "idle.Word | None":
    """Tell the head how this node is, and return its word; None where it does not answer as the head."""
    said = json.dumps({"node": part["node"], "busy_because": busy_because, "every": every}).encode()
    try:
        line = http.client.HTTPSConnection(part["head"], PORT, timeout=ANSWER_WITHIN_S, context=context(server=False))
        try:
            line.request("POST", "/", said, {"Content-Type": "application/json"})
            answer = line.getresponse()
            found = json.loads(answer.read(SAID_AT_MOST)) if answer.status == 200 else None  # noqa: PLR2004 - OK
        finally:
            line.close()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    if not isinstance(found, dict):
        return None
    return idle.Word(
        _text(found.get("busy_because")), _number(found.get("idle_stop_in_s")), found.get("stop") == "idle"
    )


def context(server: bool) -> ssl.SSLContext:
    """Return TLS as the nodes speak it: the same certificate at both ends, so it is the authority that is looked at."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(folder("cert.pem"), folder("key.pem"))
    made.load_verify_locations(folder("ca.pem"))
    return made


# ── the head's watchdog ──


def workers() -> list:
    """Return what each worker last said, as `idle.Node`s."""
    now, found = time.monotonic(), []
    for key, row in _board().get("seen", {}).items():
        at, every = _number(row.get("at")), _number(row.get("every"))
        if at is not None and every is not None and key.isdigit():
            reason = _text(row.get("busy_because"))
            found.append(idle.Node(int(key), reason, now - at, every, row.get("heard") is True))
    return found


def tasks_since(seconds: float) -> int:
    """Return how many tasks the engine's workers had when it was last seen to work, if that was since then; else 0.

    What was seen holds until the engine has been looked at again.
    """
    engine = _board().get("engine", {})
    now, at, worked = time.monotonic(), _number(engine.get("at")), _number(engine.get("worked_at"))
    holds = _number(engine.get("next_in")) or LOOK_EVERY_S
    if at is None or worked is None or now - at > STALE_S + seconds or now - worked > seconds + holds:
        return 0
    return int(_number(engine.get("worked_on")) or 1)


def dismiss(wanted) -> bool:  # noqa: ANN001 - says whether the head itself is
    """Let every worker that still speaks hear that all stop, for two of its ticks and a bit.

    False where there is work again: a worker's own, the engine's or, by `wanted`, the head's. Those that have heard
    are gone then, and the others go on: no work is cut off because a part of the cluster has left.
    """
    deadline = time.monotonic() + 2 * max([one.every for one in workers()] or [0]) + 2 * ANSWER_WITHIN_S
    while time.monotonic() < deadline:
        waiting = [one for one in workers() if idle.speaks(one) and not one.heard]
        if any(one.busy_because for one in waiting) or tasks_since(0) or wanted():
            return False
        if not waiting:
            time.sleep(ANSWERED_S)
            return True
        time.sleep(0.2)
    return True


def board(part: dict) -> dict:
    """Return what the report says of the others: counts of the engine's, and each worker's last word."""
    engine = _board().get("engine", {})
    said = {key: engine.get(key) for key in ("joined", "tasks", "present")}
    rows = {str(one.number): {"busy_because": one.busy_because, "age_s": round(one.age_s, 1)} for one in workers()}
    return dict(said, nodes_seen={key: row for key, row in rows.items() if int(key) < part["nodes"]})


def _board() -> dict:
    """Return the service's notes, if they are of this boot. They are the user's file, and read as such."""
    found = paths.read_json(folder("board.json"), {})
    parts = [found.get(key) for key in ("seen", "engine")]
    whole = all(isinstance(one, dict) for one in parts) and found.get("boot") == paths.boot_id()
    return found if whole and all(isinstance(row, dict) for row in parts[0].values()) else {}


def _text(value: object) -> "str | None":
    return value[:200] if isinstance(value, str) and value else None


def _number(value: object) -> "float | None":
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


# ── the head's service ──


def serve(part: dict) -> int:
    """Hear the workers, and ask the engine, until told to end."""
    kept = _Board(part["nodes"])
    server = _Server((part["address"], PORT), kept)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    engine = engines.of(part["engine"])
    while True:
        begun = time.monotonic()
        found = engine.look()
        # One that did not answer is asked again soon: it may just be beginning.
        rest = pause(time.monotonic() - begun) if "joined" in found else LOOK_EVERY_S
        kept.look(found, rest)
        time.sleep(rest)


def pause(took: float) -> float:
    """Return how many seconds the engine is left alone after a look that took so many."""
    return min(max(LOOK_EVERY_S, SPARING * took), PAUSE_AT_MOST_S)


class _Board:
    """Who said what when; a file, for the watchdog and the report to read."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.lock = threading.Lock()
        self.said: dict = {"boot": paths.boot_id(), "seen": {}, "engine": {}}
        self._write()

    def look(self, engine: dict, rest: float) -> None:
        """Keep what the engine says, and when it last worked; it is asked again in `rest` seconds."""
        now = time.monotonic()
        with self.lock:
            worked = {key: self.said["engine"].get(key) for key in ("worked_at", "worked_on")}
            if engine.get("working"):
                worked = {"worked_at": now, "worked_on": engine["working"]}
            self.said["engine"] = dict(engine, at=now, next_in=rest + LOOK_AT_MOST_S, **worked)
            self._write()

    def hear(self, said: dict) -> "dict | None":
        """Keep what a worker says, and return the word for it; None for what no worker says."""
        node, every = said.get("node"), _number(said.get("every"))
        if type(node) is not int or not 0 < node < self.nodes or every is None or not 0 < every < 3600:  # noqa: PLR2004
            return None
        reason = _text(said.get("busy_because"))
        word = self.word()
        with self.lock:
            leaves = word["stop"] == "idle" and not reason and not self.said["engine"].get("working")
            row = {"busy_because": reason, "every": every, "at": time.monotonic(), "heard": leaves}
            self.said["seen"][str(node)] = row
            self._write()
        return dict(word, stop="idle" if leaves else None)

    def word(self) -> dict:
        """Return what the head's watchdog last found."""
        found = paths.read_json(paths.state("report.json"), {})
        if found.get("boot") != self.said["boot"]:
            found = {}
        left, reason = found.get("idle_stop_in_s"), found.get("busy_because")
        if left is not None and not reason:
            left = max(0.0, left - (time.monotonic() - found.get("at", 0)))
        return {"busy_because": reason, "idle_stop_in_s": left, "stop": found.get("stop")}

    def _write(self) -> None:
        """Write whole or not at all, and no more: after a power cut nothing of it counts."""
        path = folder("board.json")
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump(self.said, stream)
        os.replace(path + ".new", path)


class _Server(http.server.ThreadingHTTPServer):
    """Shakes hands in the caller's own thread, and with nobody who shows no certificate of the cluster's."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple, kept: _Board) -> None:
        self.board = kept
        self.context = context(server=True)
        http.server.ThreadingHTTPServer.__init__(self, address, _Handler)

    def finish_request(self, request, client_address) -> None:  # noqa: ANN001 - socketserver's words
        request.settimeout(ANSWER_WITHIN_S)
        try:
            with self.context.wrap_socket(request, server_side=True) as proven:
                _Handler(proven, client_address, self)
        except OSError:  # a stranger, or a worker that went away
            return


class _Handler(http.server.BaseHTTPRequestHandler):
    """One word of a worker's, and its answer."""

    timeout = ANSWER_WITHIN_S

    def do_POST(self) -> None:
        """Hear and answer."""
        length = self.headers.get("Content-Length", "")
        said = None
        if length.isdigit() and int(length) <= SAID_AT_MOST:
            try:
                said = json.loads(self.rfile.read(int(length)))
            except ValueError:
                said = None
        word = self.server.board.hear(said) if isinstance(said, dict) else None
        if word is None:
            self.send_error(400)
            return
        data = json.dumps(word).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        """Say nothing: a line a tick and worker would fill the disk."""
