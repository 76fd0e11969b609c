"""The owner of an ARN is stable: the same for every session of a user or role."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.cloud.identity import owner_of

NAMES = st.text("abcXYZ019+=,.@_-", min_size=1, max_size=20)
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)


@given(account=ACCOUNTS, role=NAMES, sessions=st.lists(NAMES, min_size=2, max_size=2))
def test_two_sessions_of_a_role_are_one_owner(account: str, role: str, sessions: list[str]) -> None:
    """The session's name (a person's, a date's) never enters the tag."""
    owners = {owner_of(f"arn:aws:sts::{account}:assumed-role/{role}/{session}") for session in sessions}
    assert owners == {f"{account}/role/{role}"}


@given(account=ACCOUNTS, user=NAMES, path=st.lists(NAMES, max_size=3), partition=st.sampled_from(["aws", "aws-cn"]))
def test_a_user_is_named_without_path_in_every_partition(
    account: str, user: str, path: list[str], partition: str
) -> None:
    """User names are unique in an account; their paths are decoration."""
    assert owner_of(f"arn:{partition}:iam::{account}:user/{'/'.join([*path, user])}") == f"{account}/user/{user}"


@pytest.mark.parametrize(
    ("arn", "owner"),
    [
        ("arn:aws:iam::123456789012:root", "123456789012/root"),
        ("arn:aws:sts::123456789012:federated-user/liao", "123456789012/user/liao"),
        (
            "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Power_0a1b/liao@example.org",
            "123456789012/role/AWSReservedSSO_Power_0a1b",
        ),
    ],
)
def test_the_special_principals(arn: str, owner: str) -> None:
    """Root, federated users and SSO roles."""
    assert owner_of(arn) == owner
