"""Who AWS says we are, and what plan the account is on. Two questions, both cheap, never cached for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import Identity

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud.session import Session

AccountPlan = Literal["free", "paid", "unknown"]


def identity(session: Session, region: str) -> Identity:
    """Ask STS who we are. Raises the credentials' errors."""
    with refusals(profile=session.profile, region=region, service="sts"):
        answer = session.client("sts", region).get_caller_identity()
    arn = str(answer["Arn"])
    return Identity(account=str(answer["Account"]), arn=arn, owner=owner_of(arn), partition=arn.split(":")[1])


def owner_of(arn: str) -> str:
    """Return the stable principal of an ARN: account and user or role, without the session's name.

    >>> owner_of("arn:aws:sts::123456789012:assumed-role/Research/liao@example.org")
    '123456789012/role/Research'
    >>> owner_of("arn:aws:iam::123456789012:user/teams/vision/liao")
    '123456789012/user/liao'
    >>> owner_of("arn:aws-cn:iam::123456789012:root")
    '123456789012/root'
    """
    account, principal = arn.split(":", 5)[4:6]
    kind, _, rest = principal.partition("/")
    if kind == "assumed-role":
        return f"{account}/role/{rest.partition('/')[0]}"
    if kind == "role":
        return f"{account}/role/{rest.rpartition('/')[2]}"
    if kind in ("user", "federated-user"):
        return f"{account}/user/{rest.rpartition('/')[2]}"
    return f"{account}/root"


def account_plan(session: Session, region: str) -> AccountPlan:
    """Ask whether the account is on the Free plan; `unknown` where the question is not allowed or not answered.

    The service answers in us-east-1 only (freetier:GetAccountPlanState); accounts older than the plans,
    and other partitions, have none.
    """
    if session.partition(region) != "aws":
        return "unknown"
    try:
        with refusals(region=region, service="freetier"):
            answer = session.client("freetier", "us-east-1").get_account_plan_state()
    except AwsGpuError:
        return "unknown"
    plans: dict[str, AccountPlan] = {"FREE": "free", "PAID": "paid"}
    return plans.get(str(answer.get("accountPlanType")), "unknown")
