"""A key bundle opens with its passphrase, and with nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_awsgpu.errors import BundleUnreadable
from jupyter_awsgpu.records.bundle import seal, unseal

SEALED = seal({"private_key": "-----BEGIN"}, "correct horse")


def test_what_was_sealed_comes_back():
    """The right passphrase gives the content; the file itself shows none of it."""
    assert unseal(SEALED, "correct horse") == {"private_key": "-----BEGIN"}
    assert b"BEGIN" not in SEALED


def test_a_wrong_passphrase_is_refused():
    """Another passphrase is told from damage by nobody: one sentence for both."""
    with pytest.raises(BundleUnreadable, match="passphrase is wrong"):
        unseal(SEALED, "correct house")


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200) | st.integers(0, len(SEALED) - 1).map(lambda at: SEALED[:at]))
def test_damage_is_refused(data):
    """Whatever file is given, the answer is the content or BundleUnreadable."""
    with pytest.raises(BundleUnreadable):
        unseal(data, "correct horse")
