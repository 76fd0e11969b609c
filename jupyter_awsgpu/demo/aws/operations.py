"""The seam into moto: our own operations beside or around its own.

`@operation("Name")` registers a function that answers an EC2 operation; `call.moto()` inside it
runs moto's version. `install` puts all of them onto moto's one EC2 response class, so that its
parsers and serialisers (made from botocore's models) do the protocol work.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.wire import Refusal, ec2_error
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.demo.aws.world import World

_OPERATIONS: dict[str, Callable[[Call], object]] = {}


class Call:
    """One EC2 request on its way: its parameters, its region's store, the world."""

    def __init__(self, response: Any, world: World, original: Callable[[], Any] | None) -> None:
        self._response = response
        self._original = original
        self.world = world

    @property
    def region(self) -> str:
        """The region asked."""
        return str(self._response.region)

    @property
    def backend(self) -> Any:
        """The region's EC2 store, moto's."""
        return self._response.ec2_backend

    @property
    def params(self) -> Any:
        """The parameters as botocore names them; changing them changes what moto sees."""
        return self._response.params

    def get(self, name: str, default: Any = None) -> Any:
        """Return one parameter; a dotted name reaches into structures."""
        return self._response._get_param(name, default)  # noqa: SLF001 - moto's own way to read one

    def filters(self) -> dict[str, list[str]]:
        """Return the Filters parameter as a mapping."""
        return {one["Name"]: list(one.get("Values", [])) for one in self.get("Filters", [])}

    def tags(self, resource_type: str) -> dict[str, str]:
        """Return the tags the call gives to what it creates of this type."""
        return {
            tag["Key"]: tag.get("Value", "")
            for specification in self.get("TagSpecifications", [])
            if specification.get("ResourceType") == resource_type
            for tag in specification.get("Tags", [])
        }

    def end_dry_run(self) -> None:
        """End a DryRun here: what follows is not part of what it tests."""
        if self.get("DryRun", False):
            raise Refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)

    def moto(self) -> Any:
        """Run moto's own version and return its plain result."""
        if self._original is None:
            raise Refusal("InvalidAction", "The action is not valid for this web service.")
        answer = self._original()
        return getattr(answer, "result", answer)


def operation(name: str) -> Callable[[Callable[[Call], object]], Callable[[Call], object]]:
    """Register a function as the answer to EC2 operation `name`."""

    def keep(answer: Callable[[Call], object]) -> Callable[[Call], object]:
        _OPERATIONS[name] = answer
        return answer

    return keep


def install(world: World) -> None:
    """Put every registered operation onto moto's EC2 response class."""
    from moto.core.utils import camelcase_to_underscores
    from moto.ec2.responses import EC2Response

    for name, answer in _OPERATIONS.items():
        method = camelcase_to_underscores(name)
        setattr(EC2Response, method, _method(world, answer, getattr(EC2Response, method, None)))


def _method(world: World, answer: Callable[[Call], object], original: Callable[[Any], Any] | None) -> Any:
    from moto.core.responses import ActionResult, EmptyResult

    def method(response: Any) -> Any:
        call = Call(response, world, (lambda: original(response)) if original else None)
        try:
            result = answer(call)
        except Refusal as refusal:
            body = ec2_error(refusal, str(uuid.uuid4())).decode()
            return refusal.status, {"status": refusal.status, "Content-Type": "text/xml"}, body
        return EmptyResult() if result is None else ActionResult(result)

    return method


def replace(kind: Any, name: str, ours: object) -> None:
    """Put ours in the place of moto's: the one way this package changes a class or module of moto's."""
    setattr(kind, name, ours)


def store(region: str) -> Any:
    """Return moto's EC2 store of a region, outside a call."""
    from moto.ec2.models import ec2_backends

    return ec2_backends[ACCOUNT][region]
