"""Where each claim of the contract suite is from, as data beside the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

UNCONFIRMED = "unconfirmed"
"""Nobody of this project has seen AWS do it, and no document of AWS's says so in so many words."""

API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_"
GUIDE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/"
EBS = "https://docs.aws.amazon.com/ebs/latest/userguide/"
ERRORS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
QUOTAS = "https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_"

Test = TypeVar("Test", bound="Callable[..., object]")


def contract(source: str) -> Callable[[Test], Test]:
    """Say which document of AWS's a test holds the simulated AWS to, or `UNCONFIRMED`."""

    def mark(test: Test) -> Test:
        test.contract_source = source  # type: ignore[attr-defined]
        return test

    return mark
