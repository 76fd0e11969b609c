"""Small account-wide services: who is asking, the account's plan, what was spent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from jupyter_awsgpu.demo.aws import ledger
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.wire import Request
    from jupyter_awsgpu.demo.aws.world import World

USER = "demo"


def security_token(request: Request, *, own_key: bool) -> bytes | None:
    """Answer what moto's STS cannot; None where it can.

    Who the made-up credentials are: an IAM user (moto: one that does not exist). And the decoding of
    an authorisation message, which moto lacks.
    """
    if request.service != "sts":
        return None
    if request.operation == "GetCallerIdentity" and own_key:
        return _identity()
    if request.operation == "DecodeAuthorizationMessage":
        return _decoded()
    return None


def _decoded() -> bytes:
    said = '{"allowed":false,"explicitDeny":false,"context":{"action":"simulated","resource":"*"}}'
    return (
        '<DecodeAuthorizationMessageResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<DecodeAuthorizationMessageResult><DecodedMessage>{escape(said)}</DecodedMessage>"
        "</DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>"
    ).encode()


def _identity() -> bytes:
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/{USER}</Arn><UserId>AIDASIMULATEDAWS0000</UserId>"
        f"<Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata>"
        "<RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    ).encode()


def free_tier(world: World, request: Request) -> dict[str, Any]:
    """Answer the account's plan: paid, or free where the settings say so."""
    if request.operation != "GetAccountPlanState":
        raise Refusal("ValidationException", f"{request.operation} is not simulated.")
    plan: dict[str, Any] = {"accountId": ACCOUNT, "accountPlanType": "PAID", "accountPlanStatus": "ACTIVE"}
    if world.settings.free_plan:
        ends = datetime.now(UTC) + timedelta(days=180)
        plan |= {
            "accountPlanType": "FREE",
            "accountPlanRemainingCredits": {"amount": 100.0, "unit": "USD"},
            "accountPlanExpirationDate": ends.timestamp(),
        }
    return plan


def cost_explorer(world: World, request: Request) -> dict[str, Any]:
    """Answer GetCostAndUsage from the ledger: all of it on the present day, EC2 alone."""
    if request.operation != "GetCostAndUsage":
        raise Refusal("ValidationException", f"{request.operation} is not simulated.")
    period = request.json.get("TimePeriod", {})
    try:
        begin, end = date.fromisoformat(period["Start"][:10]), date.fromisoformat(period["End"][:10])
    except (KeyError, ValueError) as exc:
        raise Refusal("ValidationException", "TimePeriod needs Start and End as dates.") from exc
    if end <= begin:
        raise Refusal("ValidationException", "Start date (and hour) should be before end date (and hour)")
    step = timedelta(days=1) if request.json.get("Granularity") == "DAILY" else end - begin
    spent = sum(row["cost"] for row in ledger.rows(world))
    today = datetime.now(UTC).date()
    results, day = [], begin
    while day < end:
        until = min(day + step, end)
        amount = spent if day <= today < until else 0.0
        total = {"UnblendedCost": {"Amount": f"{amount:.10f}", "Unit": "USD"}}
        results.append(
            {"TimePeriod": {"Start": str(day), "End": str(until)}, "Total": total, "Groups": [], "Estimated": True}
        )
        day = until
    return {"ResultsByTime": results, "DimensionValueAttributes": []}
