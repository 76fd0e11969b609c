"""The form makes the very command a terminal would run, and takes one back."""

import pytest

from jupyter_awsgpu import settings
from jupyter_awsgpu.errors import BadName, BadValue
from jupyter_awsgpu.surfaces.panel.fields import Fields, set_options


@pytest.fixture
def fields(tr):
    """A form with the settings' defaults."""
    return Fields(settings.load(), tr)


def test_the_form_spells_its_choices_out(fields):
    """Idle stop and cap are always named: the panel showed them, so they hold."""
    assert fields.command() == (
        *("launch", "g4dn.xlarge", "--name", "gpu", "--spot", "no"),
        *("--idle-stop", "60m", "--max-hours", "12"),
    )


def test_no_limit_is_spelled_none(fields):
    """Never and none reach the launch as such."""
    fields.idle.value, fields.cap.value = 0, 0.0
    assert fields.command()[-4:] == ("--idle-stop", "none", "--max-hours", "none")
    assert (fields.wishes().idle_stop_minutes, fields.wishes().max_hours) == (None, None)


def test_a_bad_name_is_refused_before_anybody_is_asked(fields):
    """The form raises the error of the grammar."""
    fields.name.value = "no spaces"
    with pytest.raises(BadName):
        fields.wishes()


@pytest.mark.parametrize("typed", ["much", "40 GB", "4.5", "-1", "0", "16385", "9" * 5000])
def test_a_bad_disk_is_refused_before_anybody_is_asked(fields, typed):
    """As a terminal would refuse it; an empty field leaves the disk to the image."""
    fields.disk.value = typed
    with pytest.raises(BadValue, match="--disk"):
        fields.wishes()
    fields.disk.value = " "
    assert fields.wishes().disk_gb is None


def test_a_remedy_fills_the_form(fields):
    """`awsgpu launch g5.xlarge --disk 75 --any-region` is chosen, not launched; the rest stays."""
    fields.name.value = "mine"
    fields.take(("launch", "g5.xlarge", "--disk", "75", "--any-region"))
    wishes = fields.wishes()
    assert (wishes.instance_type, wishes.disk_gb, wishes.any_region, wishes.name) == ("g5.xlarge", 75, True, "mine")


def test_new_options_keep_the_choice(fields):
    """A list that arrives late does not undo what was chosen, where it is still there."""
    set_options(fields.type, (("a", "a"), ("g4dn · $1", "g4dn.xlarge")))
    assert fields.type.value == "g4dn.xlarge"
    set_options(fields.type, (("a", "a"),))
    assert fields.type.value == "a"
