"""AWS's refusals become the errors a person reads: every code we foresee, and those nobody foresees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.exceptions as boto
import botocore.parsers
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu import errors
from jupyter_awsgpu.cloud.refusal_table import TABLE
from jupyter_awsgpu.cloud.refusals import BOTOCORE, refusals, translate
from jupyter_awsgpu.cloud.session import Session

if TYPE_CHECKING:
    from pathlib import Path

FORESEEN = {
    "InsufficientInstanceCapacity": errors.NoCapacity,
    "InsufficientHostCapacity": errors.NoCapacity,
    "UnfulfillableCapacity": errors.NoCapacity,
    "VcpuLimitExceeded": errors.QuotaTooLow,
    "InstanceLimitExceeded": errors.QuotaTooLow,
    "MaxSpotInstanceCountExceeded": errors.SpotQuotaTooLow,
    "SpotMaxPriceTooLow": errors.SpotPriceTooLow,
    "InvalidAMIID.NotFound": errors.ImageNotFound,
    "InvalidAMIID.Malformed": errors.ImageNotFound,
    "InvalidAMIID.Unavailable": errors.ImageNotFound,
    "InvalidInstanceID.NotFound": errors.InstanceGone,
    "InvalidInstanceID.Malformed": errors.InstanceGone,
    "IncorrectInstanceState": errors.WrongState,
    "IncorrectState": errors.WrongState,
    "VolumeModificationRateExceeded": errors.DiskChangedLately,
    "VolumeModificationSizeLimitExceeded": errors.DiskChangedLately,
    "IncorrectModificationState": errors.DiskChangedLately,
    "InvalidKeyPair.Duplicate": errors.KeyPairTaken,
    "InvalidAMIName.Duplicate": errors.ImageNameTaken,
    "InvalidKeyPair.NotFound": errors.AwsRefused,
    "InvalidKeyPair.Format": errors.BadValue,
    "InvalidKey.Format": errors.BadValue,
    "InvalidGroup.Duplicate": errors.AwsRefused,
    "InvalidGroup.NotFound": errors.GroupMissing,
    "InvalidPermission.Duplicate": errors.AwsRefused,
    "DependencyViolation": errors.AwsRefused,
    "InsufficientFreeAddressesInSubnet": errors.NoAddress,
    "InvalidSubnetID.NotFound": errors.NoSubnet,
    "AddressLimitExceeded": errors.NoAddress,
    "VPCIdNotSpecified": errors.NoDefaultVpc,
    "MissingInput": errors.NoDefaultVpc,
    "OptInRequired": errors.AccountNotReady,
    "PendingVerification": errors.AccountNotReady,
    "Blocked": errors.AccountNotReady,
    "AuthFailure": errors.CredentialsRefused,
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": errors.PermissionDenied,
    "UnauthorizedOperation": errors.PermissionDenied,
    "AccessDenied": errors.PermissionDenied,
    "AccessDeniedException": errors.PermissionDenied,
    "DryRunOperation": errors.AwsRefused,
    "RequestLimitExceeded": errors.AwsThrottled,
    "EC2ThrottledException": errors.AwsThrottled,
    "ThrottlingException": errors.AwsThrottled,
    "TooManyRequestsException": errors.AwsThrottled,
    "Unavailable": errors.AwsFailing,
    "InternalError": errors.AwsFailing,
    "IdempotentParameterMismatch": errors.LaunchUnclear,
    "IdempotentInstanceTerminated": errors.AwsRefused,
    "InvalidUserData.Malformed": errors.AwsRefused,
    "ExpiredToken": errors.CredentialsExpired,
    "ExpiredTokenException": errors.CredentialsExpired,
    "RequestExpired": errors.ClockWrong,
    "InvalidClientTokenId": errors.CredentialsRefused,
    "UnrecognizedClientException": errors.CredentialsRefused,
    "SignatureDoesNotMatch": errors.CredentialsRefused,
}
"""Codes that EC2's and the other services' documents or public code name, and what each must become."""


def refused(code: str, message: str = "", status: int = 400, operation: str = "RunInstances") -> ClientError:
    """Return what botocore raises for an AWS error."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)  # type: ignore[arg-type]


def meant(exc: BaseException, **facts: object) -> errors.AwsGpuError:
    """Return the translation, which must exist."""
    error = translate(exc, facts)
    assert error is not None
    return error


@pytest.mark.parametrize(("code", "expected"), FORESEEN.items())
def test_a_foreseen_code_becomes_its_error(code: str, expected: type[errors.AwsGpuError]) -> None:
    """Each code of AWS's documents has one error of ours, whatever its message says."""
    assert type(meant(refused(code, "some words"), region="us-west-2")) is expected


def test_every_code_of_the_table_has_a_case_here() -> None:
    """A code added to the table is a code somebody must have thought about."""
    with_a_condition = {
        "Unsupported",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "InvalidInput",
        "DefaultSubnetNotFound",
        "InvalidBlockDeviceMapping",
        "UnsupportedOperation",
    }
    variants = {
        "InsufficientReservedInstanceCapacity",
        "InsufficientCapacity",
        "InvalidSignatureException",
        "InvalidAccessKeyId",
        "MissingAuthenticationToken",
        "IncompleteSignature",
        "RequestTimeTooSkewed",
        "DependencyAccessDeniedException",
        "AccountProblem",
        "NotSignedUp",
        "DefaultVpcDoesNotExist",
        "InvalidInstanceType",
        "InvalidGroupId.Malformed",
        "InvalidSecurityGroupID.NotFound",
        "InvalidSubnetID.Malformed",
        "InvalidInstanceID",
        "InvalidState",
        "Throttling",
        "ThrottledException",
        "InternalFailure",
        "ServiceUnavailable",
        "ServiceException",
    }
    listed = {code for row in TABLE for code in row.codes}
    assert listed == set(FORESEEN) | with_a_condition | variants


def test_every_row_says_what_it_means_and_where_it_is_from() -> None:
    """The table is documentation, too."""
    for row in TABLE:
        assert row.meaning.endswith((".", ")"))
        assert row.source


def test_a_quota_error_names_the_limit_and_a_request_that_suffices() -> None:
    """The number in AWS's message reaches the person, and the remedy asks for enough whatever runs already."""
    message = (
        "You have requested more vCPU capacity than your current vCPU limit of 8 allows for the instance bucket "
        "that the specified instance type belongs to."
    )
    error = meant(refused("VcpuLimitExceeded", message), region="eu-west-1", instance_type="g4dn.xlarge", vcpus=4)
    assert error.message == "Your limit for running G instances is 8 vCPUs in eu-west-1, and this launch needs 12."
    assert error.remedy == "awsgpu quota g4dn.xlarge --region eu-west-1 --request 12"


def test_a_quota_of_zero_asks_for_just_what_is_needed() -> None:
    """A new account needs its first 4 vCPUs, no more."""
    message = "... than your current vCPU limit of 0 allows for the instance bucket ..."
    error = meant(refused("VcpuLimitExceeded", message), region="eu-west-1", instance_type="g4dn.xlarge", vcpus=4)
    assert error.facts["needed"] == "4"


@pytest.mark.parametrize("status", [500, 400])
def test_no_capacity_is_the_same_as_http_500_and_400(status: int) -> None:
    """EC2 lists it as a server error; public reports have it as 400."""
    error = meant(refused("InsufficientInstanceCapacity", "x", status), instance_type="p3.2xlarge", zone="us-west-2a")
    assert error.message == "AWS has no p3.2xlarge free at the moment; tried: us-west-2a."


def test_unsupported_names_the_zones_that_do() -> None:
    """The zones at the end of AWS's sentence are read from it."""
    message = (
        "Your requested instance type (p2.xlarge) is not supported in your requested Availability Zone (us-west-2d). "
        "Please retry your request by not specifying an Availability Zone or choosing us-west-2a, us-west-2b."
    )
    error = meant(refused("Unsupported", message))
    assert isinstance(error, errors.ZoneNotOffered)
    assert error.message == "p2.xlarge is not offered in us-west-2d; it is in us-west-2a, us-west-2b."


def test_another_unsupported_stays_in_aws_words() -> None:
    """Nothing is read into a sentence we do not know."""
    assert type(meant(refused("Unsupported", "The requested configuration is not supported."))) is errors.AwsRefused


def test_the_free_plan_is_told_from_other_combinations() -> None:
    """One code has many meanings; only the free tier's sentence means the plan."""
    free = "The specified instance type is not eligible for Free Tier."
    assert isinstance(meant(refused("InvalidParameterCombination", free)), errors.FreePlan)
    assert type(meant(refused("InvalidParameterCombination", "Bad pair."))) is errors.AwsRefused


def test_a_small_disk_names_both_sizes() -> None:
    """What the snapshot needs is read from the message."""
    message = "Volume of size 40GB is smaller than snapshot 'snap-0abc', expect size >= 75GB"
    error = meant(refused("InvalidBlockDeviceMapping", message), image="ami-1", instance_type="g5.xlarge")
    assert isinstance(error, errors.DiskTooSmall)
    assert error.remedy == "awsgpu launch g5.xlarge --disk 75"


def test_a_denial_names_the_action_and_drops_the_encoded_kilobytes() -> None:
    """What is to be asked for is said; what nobody can read is not repeated."""
    message = (
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to perform: "
        "ec2:CreateTags on resource: y. Encoded authorization failure message: " + "Zm9v" * 500
    )
    error = meant(refused("UnauthorizedOperation", message, 403))
    assert error.facts["action"] == "ec2:CreateTags"
    assert "Zm9v" not in str(error.facts)


def test_a_denial_without_an_action_names_service_and_operation() -> None:
    """The call itself is known."""
    error = meant(refused("AccessDeniedException", "no", operation="GetProducts"), service="pricing")
    assert error.facts["action"] == "pricing:GetProducts"


def test_a_signature_of_another_time_means_the_clock() -> None:
    """The same code means a wrong key or a wrong clock."""
    error = meant(refused("SignatureDoesNotMatch", "Signature expired: 20261123T130000Z is now earlier than ..."))
    assert isinstance(error, errors.ClockWrong)


@pytest.mark.parametrize(
    ("region", "expected"), [("ap-east-1", errors.RegionNotEnabled), ("us-west-2", errors.CredentialsRefused)]
)
def test_an_opt_in_region_refuses_credentials_because_it_is_not_enabled(
    region: str, expected: type[errors.AwsGpuError]
) -> None:
    """Opt-in regions answer AuthFailure to accounts that never enabled them."""
    assert type(meant(refused("AuthFailure", "not able to validate"), region=region)) is expected


def test_stopping_a_one_time_spot_instance_says_what_can_be_done() -> None:
    """It can only be terminated."""
    message = "You can't stop the Spot Instance 'i-1' because it is associated with a one-time Spot Instance request."
    error = meant(refused("UnsupportedOperation", message, operation="StopInstances"), name="gpu")
    assert error.remedy == "awsgpu terminate gpu"


@given(st.text(min_size=1), st.text(), st.integers(400, 599))
def test_any_code_becomes_an_error_of_ours(code: str, message: str, status: int) -> None:
    """No answer of AWS's passes as a foreign exception, and every one can be shown."""
    error = meant(refused(code, message, status))
    assert error.message
    assert error.remedy


def test_an_unknown_code_with_a_server_status_is_aws_failing() -> None:
    """A 5xx nobody has documented is AWS's fault, and may be tried again."""
    assert isinstance(meant(refused("SomethingNew", "x", 503)), errors.AwsUnreachable)


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (boto.NoCredentialsError(), errors.NoCredentials),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), errors.NoCredentials),
        (boto.CredentialRetrievalError(provider="process", error_msg="x"), errors.CredentialsRefused),
        (boto.ProfileNotFound(profile="nobody"), errors.ProfileMissing),
        (boto.NoRegionError(), errors.NoRegion),
        (boto.TokenRetrievalError(provider="sso", error_msg="x"), errors.CredentialsExpired),
        (boto.SSOTokenLoadError(error_msg="x"), errors.CredentialsExpired),
        (boto.UnauthorizedSSOTokenError(), errors.CredentialsExpired),
        (boto.LoginRefreshRequired(), errors.CredentialsExpired),
        (boto.EndpointConnectionError(endpoint_url="https://ec2"), errors.AwsUnreachable),
        (boto.ConnectTimeoutError(endpoint_url="https://ec2"), errors.AwsUnreachable),
        (boto.ReadTimeoutError(endpoint_url="https://ec2"), errors.AwsUnreachable),
        (boto.ConnectionClosedError(endpoint_url="https://ec2"), errors.AwsUnreachable),
        (boto.ProxyConnectionError(proxy_url="http://proxy"), errors.AwsUnreachable),
        (boto.SSLError(endpoint_url="https://ec2", error="x"), errors.AwsUnreachable),
        (boto.InvalidRegionError(region_name="no where"), errors.UnknownRegion),
        (boto.UnknownRegionError(region_name="nowhere-1", error_msg="x"), errors.UnknownRegion),
        (boto.MetadataRetrievalError(error_msg="x"), errors.CredentialsRefused),
        (boto.RefreshWithMFAUnsupportedError(), errors.CredentialsExpired),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), errors.AwsUnreachable),
        (boto.ConfigNotFound(path="/no/config"), errors.AwsConfigWrong),
        (boto.ConfigParseError(path="/home/a person/.aws/config"), errors.AwsConfigWrong),
        (boto.UnknownCredentialError(name="x"), errors.AwsConfigWrong),
        (boto.InvalidConfigError(error_msg="x"), errors.AwsConfigWrong),
        (boto.InfiniteLoopConfigError(source_profile="a", visited_profiles=["a"]), errors.AwsConfigWrong),
        (boto.InvalidDefaultsMode(mode="x", valid_modes="y"), errors.AwsConfigWrong),
        (boto.InvalidIMDSEndpointError(endpoint="::"), errors.AwsConfigWrong),
        (boto.InvalidProxiesConfigError(), errors.AwsConfigWrong),
        (boto.InvalidRetryModeError(provided_retry_mode="x", valid_modes="y"), errors.AwsConfigWrong),
        (boto.InvalidSTSRegionalEndpointsConfigError(sts_regional_endpoints_config="x"), errors.AwsConfigWrong),
        (boto.UnknownEndpointError(service_name="ec2", region_name="x"), errors.AwsConfigWrong),
        (boto.EndpointResolutionError(msg="x"), errors.AwsConfigWrong),
        (boto.NoAuthTokenError(), errors.AwsConfigWrong),
        (boto.UnknownTokenProviderError(name="x"), errors.AwsConfigWrong),
        (boto.MissingDependencyException(msg="x"), errors.AwsConfigWrong),
    ],
)
def test_what_botocore_finds_itself_is_translated(exc: Exception, expected: type[errors.AwsGpuError]) -> None:
    """Credentials, profiles, regions and connections fail before AWS answers."""
    error = meant(exc)
    assert type(error) is expected
    assert error.remedy
    assert "…" not in error.message + error.remedy


def test_a_damaged_file_is_named_and_can_be_opened() -> None:
    """The remedy is an editor on that very file, whatever its folder is called."""
    error = meant(boto.ConfigParseError(path="/home/a person/.aws/config"))
    assert error.message == (
        "Your AWS configuration cannot be used: Unable to parse config file: /home/a person/.aws/config"
    )
    assert error.remedy in ("nano '/home/a person/.aws/config'", "notepad /home/a person/.aws/config")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "no address"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "soon"),
        ("AWS_DEFAULTS_MODE", "whatever"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "elsewhere"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "::"),
    ],
)
def test_a_variable_that_boto3_cannot_read_is_the_configurations_fault(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Some of it ends in an exception of Python's own, deep in botocore."""
    monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    if "METADATA" not in name:  # with a key at hand, nobody asks the metadata service
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(errors.AwsConfigWrong) as caught:
        Session(region="us-west-2").client("sts", "us-west-2")
    assert caught.value.remedy == "aws configure list"


def test_a_file_of_aws_that_is_not_there_is_the_configurations_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The token file of a role is looked for when the first call is signed."""
    config = tmp_path / "config"
    config.write_text("[default]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /no/token\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    client = Session(region="us-west-2").client("sts", "us-west-2")
    with pytest.raises(errors.AwsConfigWrong, match="/no/token"), refusals():
        client.get_caller_identity()


def test_an_exception_of_python_from_elsewhere_is_no_refusal() -> None:
    """Only what comes up while botocore reads a configuration is the configuration's."""
    with pytest.raises(FileNotFoundError), refusals():
        raise FileNotFoundError


def test_an_answer_that_is_not_awss_means_the_way_to_aws() -> None:
    """A proxy's or a hotel's page is not a refusal of AWS's."""
    assert isinstance(meant(botocore.parsers.ResponseParserError("<html>")), errors.AwsUnreachable)


def test_every_name_of_a_botocore_exception_exists() -> None:
    """A name misspelt in the table would never match."""
    assert all(hasattr(boto, name) or hasattr(botocore.parsers, name) for name in BOTOCORE)


def test_our_own_mistakes_pass() -> None:
    """Bad parameters are a bug of ours, and must not look like AWS's refusal."""
    with pytest.raises(boto.ParamValidationError), refusals(region="us-west-2"):
        raise boto.ParamValidationError(report="x")


def test_the_foreign_exception_stays_the_cause() -> None:
    """A log shows what AWS said word for word."""
    with pytest.raises(errors.NoCapacity) as caught, refusals(instance_type="g5.xlarge"):
        raise refused("InsufficientInstanceCapacity")
    assert isinstance(caught.value.__cause__, ClientError)
