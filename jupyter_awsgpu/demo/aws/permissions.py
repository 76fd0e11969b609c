"""IAM on tap: with a policy set, every call must be allowed by it, as AWS would judge it; without one all is allowed.

Identity policies of `Allow` statements with the operators `Null` and `StringEquals`: what `doctor --iam-policy` prints.
Which statement allowed what is kept, so that a needless one shows. moto's own IAM knows no resources of EC2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.account import USER
from jupyter_awsgpu.demo.aws.touches import Touch, touches
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_awsgpu.demo.aws.wire import Request
    from jupyter_awsgpu.demo.aws.world import World

FREE = ("sts:GetCallerIdentity",)
"""Allowed to everybody, whatever a policy says (STS API reference)."""

DENIED = {"ec2": ("UnauthorizedOperation", 403), "query": ("AccessDenied", 403), "json": ("AccessDeniedException", 400)}
"""Code and HTTP status of a denial, by protocol; the rest: AccessDeniedException with 403."""


class Permissions:
    """The policy in force, and what it has been used for."""

    def __init__(self) -> None:
        self._statements: list[dict[str, Any]] | None = None
        self._used: set[tuple[str, str]] = set()
        self._denied: list[str] = []
        self._roles: set[str] = set()

    def set(self, document: Mapping[str, Any] | None) -> None:
        """Put a policy in force, or with None end that. Raises `ValueError` for one that is not understood here."""
        statements = None if document is None else [_checked(one) for one in document.get("Statement", ())]
        self._statements = statements
        self._used, self._denied = set(), []  # a new policy has been used for nothing

    def report(self) -> dict[str, Any]:
        """Return which actions each statement has allowed, and what was denied."""
        used: dict[str, list[str]] = {}
        for sid, action in sorted(self._used):
            used.setdefault(sid, []).append(action)
        return {"in_force": self._statements is not None, "used": used, "denied": list(self._denied)}

    def require(self, request: Request) -> None:
        """Raise the refusal of a call that the policy in force does not allow in all it touches."""
        if self._statements is None:
            return
        for touch in touches(request):
            if touch.action in FREE or touch.resource in self._roles:
                continue
            allowing = [one for one in self._statements if _allows(one, touch)]
            if not allowing:
                self._denied.append(f"{touch.action} on {touch.resource}")
                raise _denial(request, touch)
            self._used |= {(str(one.get("Sid", "")), touch.action) for one in allowing}
            if touch.action == "iam:CreateServiceLinkedRole":
                self._roles.add(touch.resource)  # from now on the account has it


def permissions(world: World) -> Permissions:
    """Return the one policy of the account; a reset ends it."""
    return world.book("permissions", Permissions)


def _checked(statement: dict[str, Any]) -> dict[str, Any]:
    unknown = set(statement.get("Condition", {})) - set(OPERATORS)
    if statement.get("Effect") != "Allow" or unknown:
        raise ValueError(f"not simulated: {statement.get('Effect')} with {', '.join(unknown) or 'no condition'}")
    return statement


def _allows(statement: dict[str, Any], touch: Touch) -> bool:
    return (
        any(_matches(pattern, touch.action) for pattern in _list(statement["Action"]))
        and any(_matches(pattern, touch.resource) for pattern in _list(statement["Resource"]))
        and all(
            OPERATORS[operator](touch.context.get(key), _list(wanted))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: str, text: str) -> bool:
    """Return whether IAM's wildcards, which know no boundaries, match."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


OPERATORS: dict[str, Callable[[str | None, list[str]], bool]] = {
    "Null": lambda value, wanted: str(value is None).lower() in wanted,
    "StringEquals": lambda value, wanted: value is not None and value in wanted,
}


def _denial(request: Request, touch: Touch) -> Refusal:
    who = f"User: arn:aws:iam::{ACCOUNT}:user/{USER} is not authorized to perform: {touch.action}"
    why = f"{who} on resource: {touch.resource} because no identity-based policy allows the {touch.action} action"
    if touch.action == "iam:CreateServiceLinkedRole":
        said = "The provided credentials do not have permission to create the service-linked role for Spot Instances."
        return Refusal("AuthFailure.ServiceLinkedRoleCreationNotPermitted", said, 403)
    code, status = DENIED.get(request.protocol, ("AccessDeniedException", 403))
    if request.protocol == "ec2":
        why = f"You are not authorized to perform this operation. {why}. Encoded authorization failure message: c2lt"
    return Refusal(code, why, status)
