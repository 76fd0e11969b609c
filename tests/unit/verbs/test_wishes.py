"""Options are checked before anybody is asked."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.errors import BadName, BadValue
from jupyter_awsgpu.model import Wishes
from jupyter_awsgpu.verbs.wishes import NAME, OPTIONS, wishes_from

SETTINGS = configuration.load({"region": "us-west-2"})


def test_settings_fill_what_is_not_said():
    """An option left out takes the setting's value, and 0 there means never."""
    settings = configuration.load({"max_hours": 0.0, "local_port": 9000})
    wishes = wishes_from(settings, "P2.xlarge ", disk_gb=None)
    assert wishes.instance_type == "p2.xlarge"
    assert wishes.max_hours is None
    assert wishes.local_port == 9000
    assert wishes.idle_stop_minutes == 60


@given(st.text(max_size=60))
def test_a_name_is_taken_or_refused(name):
    """Any text is a name that files and tags can carry, or BadName."""
    try:
        wishes = wishes_from(SETTINGS, "p2.xlarge", name=name)
    except BadName:
        assert not NAME.fullmatch(name)
    else:
        assert wishes.name == name


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("disk_gb", -1),
        ("disk_gb", 99999),
        ("local_port", 0),
        ("local_port", 70000),
        ("max_hours", -3.0),
        ("idle_stop_minutes", -1),
        ("budget", 0.0),
        ("max_price", -0.1),
        ("cuda", "latest"),
    ],
)
def test_a_number_out_of_range_is_refused(option, value):
    """Each bound is refused with what the option takes."""
    with pytest.raises(BadValue, match="it takes"):
        wishes_from(SETTINGS, "p2.xlarge", **{option: value})


def test_a_key_file_must_exist(tmp_path):
    """`--key` names a file, found before AWS is asked."""
    with pytest.raises(BadValue, match="no such file"):
        wishes_from(SETTINGS, "p2.xlarge", key_file=tmp_path / "absent.pem")


def test_every_wish_can_be_read_back():
    """A wish without its option would be missing from every remedy; type and region are said apart."""
    assert {one.name for one in dataclasses.fields(Wishes)} - set(OPTIONS) == {"instance_type", "region"}
