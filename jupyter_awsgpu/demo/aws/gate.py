"""The door: every request is logged, delayed, refused by an open fault, or passed on to who answers it."""

from __future__ import annotations

import calendar
import itertools
import logging
import socket
import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import account, pricing, quotas, wire
from jupyter_awsgpu.demo.aws.faults import DROP, DROP_ANSWER, Fault
from jupyter_awsgpu.demo.aws.permissions import permissions
from jupyter_awsgpu.demo.aws.regions import ENABLED
from jupyter_awsgpu.demo.aws.wire import Refusal, Request
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_awsgpu.demo.aws.world import World

log = logging.getLogger(__name__)

REMEMBERED = 5000
"""Calls kept in the log."""

WRONG_KEY = {
    "ec2": Refusal("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    "query": Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
    "json": Refusal("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    "rest-json": Refusal("UnrecognizedClientException", "The security token included in the request is invalid.", 403),
}
"""What each protocol says to an access key nobody has issued (general knowledge of AWS, unconfirmed)."""


SKEW_S = 300.0
"""How far a request's time may be off (EC2 and STS: five minutes; Signature Version 4, "Handling dates")."""

UNCHANGING = ("DescribeInstanceTypes", "DescribeInstanceTypeOfferings")
"""Operations whose answers never change while the process lives: written once, because moto writes them slowly."""


class Calls:
    """The log of AWS calls, newest last, numbered."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def note(self, request: Request) -> dict[str, Any]:
        """Write one call down; its `status` and `seconds` are filled in later."""
        row = {
            "number": 0,
            "service": request.service,
            "operation": request.operation,
            "region": request.region,
            "dry_run": request.dry_run,
            "request_id": str(uuid.uuid4()),
            "time": time.time(),
            "status": None,
            "error": None,
            "seconds": None,
        }
        with self._lock:
            row["number"] = next(self._numbers)
            self._rows.append(row)
        return row

    def since(self, number: int = 0) -> list[dict[str, Any]]:
        """Return the calls after that number."""
        with self._lock:
            return [dict(row) for row in self._rows if row["number"] > number]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._rows.clear()


class Gate:
    """A WSGI application in front of moto's."""

    def __init__(self, world: World, moto: Callable[..., Iterable[bytes]], control: Callable[..., Any]) -> None:
        self._world = world
        self._moto = moto
        self._control = control
        self._unchanging: dict[tuple[str, bytes] | None, bytes] = {}
        self.calls = Calls()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one HTTP request."""
        if environ.get("PATH_INFO", "").startswith("/_awsgpu"):
            answer: Iterable[bytes] = self._control(environ, start_response)
            return answer
        request = wire.read(environ)
        row = self.calls.note(request)

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            row["status"], row["seconds"] = int(status.partition(" ")[0]), round(time.time() - row["time"], 4)
            return start_response(status, headers, *more)

        try:
            return self._answer(request, environ, begin)
        except Refusal as refusal:
            row["error"] = refusal.code
            status, headers, body = wire.error(request, refusal)
            begin(status, headers)
            return [body]
        except ConnectionAbortedError:
            row["error"] = DROP
            raise

    def _answer(self, request: Request, environ: dict[str, Any], begin: Callable[..., Any]) -> Iterable[bytes]:
        if self._world.settings.latency_ms:
            time.sleep(self._world.settings.latency_ms / 1000)
        fault = self._world.faults.take(request.operation, service=request.service, region=request.region)
        if fault is not None:
            _apply(fault, environ)
        if not request.service:
            raise Refusal("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        if not self._issued(request.access_key_id):
            raise WRONG_KEY[request.protocol]
        self._require_present(request, environ)
        if request.region not in ENABLED:
            raise WRONG_KEY[request.protocol]  # AWS says the same of a region that is not enabled
        with self._world.lock:
            permissions(self._world).require(request)
            answer = self._pass_on(request, environ, begin)
        if fault is not None and fault.code == DROP_ANSWER:
            _cut(environ)
        return answer

    def _pass_on(self, request: Request, environ: dict[str, Any], begin: Callable[..., Any]) -> Iterable[bytes]:
        ours = OURS.get(request.service)
        if ours is not None:
            status, headers, body = wire.json_answer(ours(self._world, request))
            begin(status, headers)
            return body
        document = account.security_token(request, own_key=request.access_key_id == self._world.access_key_id)
        if document is not None:
            begin("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(document)))])
            return [document]
        return self._ask_moto(request, environ, begin)

    def _ask_moto(self, request: Request, environ: dict[str, Any], begin: Callable[..., Any]) -> Iterable[bytes]:
        """Let moto answer; what it has not implemented is a plain refusal, not a page of HTML."""
        kept: list[Any] = []
        known = (request.region, request.body) if request.operation in UNCHANGING else None
        if known in self._unchanging:
            begin("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(self._unchanging[known])))])
            return [self._unchanging[known]]
        try:
            body = b"".join(self._moto(environ, lambda *start: kept.append(start)))
        except Exception as exc:
            if isinstance(exc, NotImplementedError) and "ilter" in str(exc):
                raise Refusal("InvalidParameterValue", f"The filter is invalid ({exc})") from exc
            log.exception("moto could not answer %s", request.operation)
            raise Refusal("InvalidAction", f"The simulated AWS does not know {request.operation} so: {exc}") from exc
        status, headers, *_ = kept[-1]
        if body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
            log.error("moto answered %s with %s", request.operation, body[:2000])
            raise Refusal("InvalidAction", f"The action {request.operation} is not simulated.")
        if known is not None and status.startswith("200"):
            self._unchanging[known] = body
        begin(status, headers)
        return [body]

    def _require_present(self, request: Request, environ: dict[str, Any]) -> None:
        """Refuse a request whose time is not ours: this is how AWS takes a clock that is off."""
        ours = time.time() + self._world.settings.clock_s
        signed = calendar.timegm(time.strptime(environ.get("HTTP_X_AMZ_DATE", ""), "%Y%m%dT%H%M%SZ"))
        if abs(ours - signed) <= SKEW_S:
            return
        if request.protocol == "ec2":
            raise Refusal("RequestExpired", "Request has expired.")
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(ours))
        raise Refusal("SignatureDoesNotMatch", f"Signature expired: {signed} is now earlier than {at}", 403)

    def _issued(self, access_key_id: str) -> bool:
        """Whether the key is this state's own or one that the simulated IAM or STS has issued."""
        if access_key_id == self._world.access_key_id:
            return True
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        users = [user for store in iam_backends[ACCOUNT].values() for user in store.users.values()]
        if any(key.access_key_id == access_key_id for user in users for key in user.access_keys):
            return True
        roles = list(sts_backends[ACCOUNT].values())
        return any(store.get_assumed_role_from_access_key(access_key_id) for store in roles)


def _apply(fault: Fault, environ: dict[str, Any]) -> None:
    if fault.latency_ms:
        time.sleep(fault.latency_ms / 1000)
    if fault.code == DROP:
        _cut(environ)
    if fault.code and fault.code != DROP_ANSWER:
        raise Refusal(fault.code, fault.text, fault.http_status)


def _cut(environ: dict[str, Any]) -> None:
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("a fault cut the connection")


OURS: dict[str, Callable[[World, Request], dict[str, Any]]] = {
    "servicequotas": quotas.answer,
    "pricing": pricing.answer,
    "freetier": account.free_tier,
    "ce": account.cost_explorer,
}
"""Services moto lacks (by signing name), answered here."""
