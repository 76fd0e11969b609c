"""Buttons fit the state, and say what they end."""

import pytest

from jupyter_awsgpu.surfaces.panel.actions import actions_for, keep_action


@pytest.mark.parametrize(
    ("differing", "verbs"),
    [
        ({"phase": "up"}, ["open", "kernel", "stop", "disconnect", "image", "terminate"]),
        ({}, ["connect", "stop", "image", "terminate"]),
        ({"phase": "gave-up"}, ["connect", "stop", "disconnect", "image", "terminate"]),
        ({"phase": "up", "says": {"phase": "failed"}}, ["provision", "stop", "disconnect", "image", "terminate"]),
        ({"state": "stopped"}, ["start", "image", "terminate"]),
        ({"state": "stopping"}, ["terminate"]),
        ({"state": "shutting-down"}, []),
        ({"state": "terminated"}, []),
    ],
)
def test_an_instance_has_the_actions_of_its_state(instance, differing, verbs):
    """No button leads to a refusal that was known beforehand."""
    assert [one.verb for one in actions_for(instance(**differing), busy=False)] == verbs


def test_there_is_nothing_to_press_while_something_is_under_way(instance):
    """Two verbs on one instance would only meet the lock."""
    assert actions_for(instance(), busy=True) == ()


def test_terminate_says_what_is_lost(instance):
    """The question names the disk before it is gone."""
    (terminate,) = [one for one in actions_for(instance(), busy=False) if one.verb == "terminate"]
    assert "40 GB" in terminate.confirm
    assert terminate.command == ("terminate", "gpu")


def test_stopping_what_works_is_asked_about(instance):
    """A busy instance is stopped only after a second word; an idle one at once."""
    idle, busy = instance(says={}), instance(says={"busy_because": "a kernel runs"})
    confirms = [next(a.confirm for a in actions_for(one, busy=False) if a.verb == "stop") for one in (idle, busy)]
    assert confirms[0] is None
    assert "a kernel runs" in confirms[1]


def test_keep_stands_beside_a_countdown_only(instance):
    """Without a countdown there is nothing to hold off."""
    assert keep_action(instance(says={"idle_stop_in_s": 100.0})).command == ("keep", "gpu", "1h")
    assert keep_action(instance(says={})) is None
    assert keep_action(instance(state="stopped")) is None
