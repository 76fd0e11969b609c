"""How AWS's protocols name an operation and carry an error: query and EC2 XML, JSON, REST-JSON.

Shapes as botocore's own parsers read them (`botocore.parsers`).
"""

from __future__ import annotations

import io
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

REST_JSON_ROUTES = {"scheduler": re.compile(r"^/(schedules|schedule-groups|tags)(/|$)")}
REST_VERBS = {"POST": "Create", "GET": "Get", "DELETE": "Delete", "PUT": "Update"}


class Refusal(Exception):
    """AWS says no: an error code, its message and the HTTP status it travels with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Request:
    """One AWS request, as far as the gate must understand it."""

    service: str
    region: str
    operation: str
    access_key_id: str
    protocol: str
    form: dict[str, str]
    body: bytes
    path: str = "/"
    query: dict[str, str] = field(default_factory=dict)

    @property
    def dry_run(self) -> bool:
        """Whether the caller only asks if it might."""
        return self.form.get("DryRun", "").lower() == "true"

    @property
    def json(self) -> dict[str, Any]:
        """The body of a JSON protocol."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def read(environ: dict[str, Any]) -> Request:
    """Read a WSGI request and leave its body readable again."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    key_id, region, service = _credential_scope(environ.get("HTTP_AUTHORIZATION", ""))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    form: dict[str, str] = {}
    if target:
        protocol, operation = "json", target.rpartition(".")[2]
    elif environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        protocol, operation = ("ec2" if service == "ec2" else "query"), form.get("Action", "")
    else:
        protocol, operation = "rest-json", _rest_operation(service, environ)
    query = {name: values[-1] for name, values in parse_qs(str(environ.get("QUERY_STRING", ""))).items()}
    path = str(environ.get("PATH_INFO", "/"))
    return Request(service, region, operation, key_id, protocol, form, body, path, query)


def _credential_scope(authorization: str) -> tuple[str, str, str]:
    found = re.search(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request", authorization)
    return (found[1], found[2], found[3]) if found else ("", "", "")


def _rest_operation(service: str, environ: dict[str, Any]) -> str:
    path, method = str(environ.get("PATH_INFO", "")), str(environ.get("REQUEST_METHOD", ""))
    verb = REST_VERBS.get(method, method)
    route = REST_JSON_ROUTES.get(service)
    found = route.match(path) if route else None
    if not found:
        return f"{method} {path}"
    things = str(found[1])
    if method == "GET" and path.rstrip("/") == f"/{things}":
        return "List" + things.title().replace("-", "")
    return verb + things.removesuffix("s").title().replace("-", "")


def error(request: Request, refusal: Refusal) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status line, headers and body of a refusal in the request's own protocol."""
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id), ("Server", "SimulatedAWS")]
    if request.protocol == "ec2":
        body, kind = ec2_error(refusal, request_id), "text/xml;charset=UTF-8"
    elif request.protocol == "query":
        body, kind = _query_error(refusal, request_id), "text/xml"
    else:
        body = json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
        kind = "application/x-amz-json-1.1"
        headers.append(("x-amzn-ErrorType", refusal.code))
    headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
    return f"{refusal.status} {refusal.code}", headers, body


def ec2_error(refusal: Refusal, request_id: str) -> bytes:
    """Return EC2's error document."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(refusal.code)}</Code>"
        f"<Message>{escape(refusal.message)}</Message></Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    ).encode()


def _query_error(refusal: Refusal, request_id: str) -> bytes:
    side = "Receiver" if refusal.status >= 500 else "Sender"  # noqa: PLR2004 - HTTP's server errors
    return (
        f"<ErrorResponse><Error><Type>{side}</Type><Code>{escape(refusal.code)}</Code>"
        f"<Message>{escape(refusal.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def json_answer(value: object, status: str = "200 OK") -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
    """Return status line, headers and body of a JSON answer."""
    body = json.dumps(value, default=str).encode()
    headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    return status, headers, [body]
