"""The one translator of AWS saying no: every foreign exception becomes one of `errors`, `from exc`.

Codes are looked up in `refusal_table`; one that is not there becomes `AwsRefused`, in AWS's own words.
botocore's exceptions are known by name: nothing here imports botocore.
"""

from __future__ import annotations

import os
import re
import shlex
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu import errors
from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.refusal_table import TABLE, Facts, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@contextmanager
def refusals(**facts: object) -> Iterator[None]:
    """Translate what botocore raises inside; `facts` (region, instance_type, name …) fill the messages.

    Facts that are None count as not given. botocore's `ParamValidationError` passes: it is our mistake.
    """
    try:
        yield
    except Exception as exc:
        translated = translate(exc, facts)
        if translated is None:
            raise
        raise translated from exc


def translate(exc: BaseException, facts: Mapping[str, object] | None = None) -> errors.AwsGpuError | None:
    """Return the error of ours that a foreign exception means, or None if it is not AWS's."""
    known = {key: value for key, value in (facts or {}).items() if value is not None}
    response = getattr(exc, "response", None)
    if isinstance(response, dict) and "Error" in response:
        return _of_code(exc, response, known)
    if type(exc).__module__.startswith(("botocore", "boto3")):
        return _of_botocore(exc, known)
    if isinstance(exc, OSError | ValueError) and _while_reading(exc):
        return _configured(exc, known)  # a file that is not there, a word where a number belongs
    return None


# ── what AWS answers ─────────────────────────────────────────────────────────────────────────


def _of_code(exc: BaseException, response: dict[str, Any], known: Facts) -> errors.AwsGpuError:
    code = str(response["Error"].get("Code", "")) or "no code"
    facts: Facts = {
        "operation": getattr(exc, "operation_name", ""),
        **known,
        "aws_code": code,
        "aws_message": _without_encoded(str(response["Error"].get("Message", ""))),
        "request_id": str(response.get("ResponseMetadata", {}).get("RequestId", "")),
    }
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    for row in TABLE:
        if code in row.codes and (found := re.search(row.when, str(facts["aws_message"]), re.IGNORECASE)):
            given = {key: value for key, value in found.groupdict().items() if value is not None}
            return _made(row, {**facts, **given})
    if status >= 500:  # noqa: PLR2004 - HTTP's own word for a fault of the server
        return errors.AwsFailing(None, **facts)
    return errors.AwsRefused(None, **facts)


def _made(row: Refusal, facts: Facts) -> errors.AwsGpuError:
    region = str(facts.get("region", ""))
    if row.error is errors.CredentialsRefused and catalogue.must_be_enabled(region):
        return errors.RegionNotEnabled(None, **facts)  # what an opt-in region says to an account that has not
    return row.error(None, **{**facts, **row.read(facts)})


def _without_encoded(message: str) -> str:
    """Drop EC2's encoded authorization message: kilobytes that nobody can read."""
    return re.sub(r"\s*Encoded authorization failure message:.*", "", message, flags=re.DOTALL).strip()


# ── what botocore finds before or instead of an answer ───────────────────────────────────────


def _of_botocore(exc: BaseException, known: Facts) -> errors.AwsGpuError | None:
    for kind in type(exc).__mro__:
        make = BOTOCORE.get(kind.__name__)
        if make is not None:
            return make(exc, known)
    return None


def _unreachable(exc: BaseException, known: Facts) -> errors.AwsGpuError:
    endpoint = getattr(exc, "kwargs", {}).get("endpoint_url") or known.get("service") or "its endpoint"
    return errors.AwsUnreachable(None, **{**known, "endpoint": endpoint})


def _expired(_exc: BaseException, known: Facts) -> errors.AwsGpuError:
    return errors.CredentialsExpired(None, **known)


def _profile(exc: BaseException, known: Facts) -> errors.AwsGpuError:
    profile = getattr(exc, "kwargs", {}).get("profile", known.get("profile"))
    return errors.ProfileMissing(profile=profile, known=", ".join(_profiles()) or "none")


def _while_reading(exc: BaseException) -> bool:
    """Return whether botocore was reading a person's configuration when an exception of Python's own came up."""
    frames = (frame.f_globals.get("__name__") for frame, _line in traceback.walk_tb(exc.__traceback__))
    return not READERS.isdisjoint(frames)


def _region(exc: BaseException, known: Facts) -> errors.AwsGpuError:
    region = getattr(exc, "kwargs", {}).get("region_name", "…")
    return errors.UnknownRegion(None, **{"nearest": "listed by the command", "region": region, **known})


def _not_had(what: str) -> Callable[[BaseException, Facts], errors.AwsGpuError]:
    return lambda _exc, known: errors.CredentialsRefused(None, **{**known, "aws_code": what})


def _configured(exc: BaseException, known: Facts) -> errors.AwsGpuError:
    """Say in boto3's words what is wrong, and lead to the file if it names one."""
    more: Facts = {"aws_message": " ".join(str(exc).split())}
    if path := getattr(exc, "kwargs", {}).get("path"):
        more["command"] = f"notepad {path}" if os.name == "nt" else f"nano {shlex.quote(str(path))}"
    return errors.AwsConfigWrong(None, **{**known, **more})


def _incomplete(exc: BaseException, known: Facts) -> errors.AwsGpuError:
    return errors.AwsConfigWrong(
        None, **{**known, "aws_message": " ".join(str(exc).split()), "command": 'pip install "botocore[crt]"'}
    )


def _profiles() -> list[str]:
    import botocore.session

    session = botocore.session.Session()
    session.session_var_map["profile"] = (None, [], None, None)
    return list(session.available_profiles)


READERS = frozenset(
    {f"botocore.{room}" for room in ("args", "configloader", "configprovider", "credentials", "tokens")}
)
"""The modules of botocore that read a person's files and variables, and make of them what asks AWS."""

CONFIGURATION = (
    "ConfigNotFound",
    "ConfigParseError",
    "InvalidConfigError",
    "InvalidDefaultsMode",
    "InvalidChecksumConfigError",
    "InvalidEndpointConfigurationError",
    "InvalidEndpointDiscoveryConfigurationError",
    "InvalidIMDSEndpointError",
    "InvalidIMDSEndpointModeError",
    "InvalidProxiesConfigError",
    "InvalidRetryConfigurationError",
    "InvalidS3AddressingStyleError",
    "InvalidS3UsEast1RegionalEndpointConfigError",
    "InvalidSTSRegionalEndpointsConfigError",
    "BaseEndpointResolverError",
    "EndpointProviderError",
    "NoAuthTokenError",
    "UnknownCredentialError",
    "UnknownSignatureVersionError",
    "UnknownTokenProviderError",
    "UnsupportedSignatureVersionError",
)
"""What botocore says of a person's own AWS files and variables, by class name."""

BOTOCORE: Mapping[str, Callable[[BaseException, Facts], errors.AwsGpuError]] = {
    "NoCredentialsError": lambda _exc, known: errors.NoCredentials(None, **known),
    "PartialCredentialsError": lambda _exc, known: errors.NoCredentials(None, **known),
    "CredentialRetrievalError": _not_had("the credential process failed"),
    "MetadataRetrievalError": _not_had("the metadata service gave none"),
    "ProfileNotFound": _profile,
    "NoRegionError": lambda _exc, known: errors.NoRegion(None, **known),
    "InvalidRegionError": _region,
    "UnknownRegionError": _region,
    "RefreshWithMFAUnsupportedError": _expired,
    "TokenRetrievalError": _expired,
    "SSOTokenLoadError": _expired,
    "UnauthorizedSSOTokenError": _expired,
    "SSOError": _expired,
    "LoginRefreshRequired": _expired,
    "LoginTokenLoadError": _expired,
    "LoginError": _expired,
    "HTTPClientError": _unreachable,
    "ResponseParserError": _unreachable,  # something that is not AWS answered: a proxy, a captive portal
    "ConnectionError": _unreachable,
    "ConnectTimeoutError": _unreachable,
    "ReadTimeoutError": _unreachable,
    "EndpointConnectionError": _unreachable,
    "IncompleteReadError": _unreachable,
    "ChecksumError": _unreachable,
    "FlexibleChecksumError": _unreachable,
    "MissingDependencyException": _incomplete,
    **dict.fromkeys(CONFIGURATION, _configured),
}
"""botocore's exceptions by class name; a subclass is found through its bases."""
