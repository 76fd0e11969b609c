"""The status bar and the toasts say what a person should hear with the sidebar closed."""

import pytest

from jupyter_awsgpu.records.operations import Operations
from jupyter_awsgpu.surfaces.panel import notices


def test_nothing_running_is_said_quietly(look, tr):
    """The status bar rests."""
    assert notices.summary(look(), tr)["level"] == "idle"


def test_what_runs_is_said_with_its_price(look, instance, tr):
    """Instances running and dollars an hour, and that they are simulated."""
    said = notices.summary(look(instance(), instance(name="b", instance_id="i-2"), demo=True), tr)
    assert said["text"] == "SIMULATED · AWS GPU: 2 running · $1.80/h"
    assert said["level"] == "running"


def test_past_the_cap_worries_in_words_too(look, instance, tr):
    """Red is never the only sign."""
    said = notices.summary(look(instance(says={"cap_in_s": 0.0})), tr)
    assert said["level"] == "warning"
    assert "past the cap: gpu" in said["text"]


def test_a_tunnel_lost_and_regained_is_told_once_each(look, instance, tr):
    """Lost, then up again: two toasts; nothing while it stays as it is."""
    up, lost = look(instance(phase="up")), look(instance(phase="lost"))
    assert [one["level"] for one in notices.toasts(up, lost, tr)] == ["warning"]
    assert notices.toasts(lost, lost, tr) == []
    assert [one["level"] for one in notices.toasts(lost, up, tr)] == ["success"]


@pytest.mark.parametrize(("verb", "told"), [("terminate", 0), ("stop", 0), ("push", 1)])
def test_a_tunnel_cut_by_ones_own_verb_is_no_news(look, instance, tr, tmp_path, verb, told):
    """Who ends an instance is not told that its tunnel is lost; who pushes to it is."""
    operations = Operations(tmp_path)
    with operations.begin(verb, "gpu"):
        up, lost = (look(instance(phase=phase), operations=operations.recent()) for phase in ("up", "lost"))
        assert len(notices.toasts(up, lost, tr)) == told


def test_an_idle_stop_is_announced_with_a_way_out(look, instance, tr):
    """Five minutes before, once, with a button that keeps it an hour."""
    far, near = look(instance(says={"idle_stop_in_s": 400.0})), look(instance(says={"idle_stop_in_s": 290.0}))
    (toast,) = notices.toasts(far, near, tr)
    assert toast["actions"] == [{"label": "Keep 1 h", "send": {"run": ["keep", "gpu", "1h"]}}]
    assert notices.toasts(near, near, tr) == []


def test_what_the_instance_says_is_passed_on(look, instance, tr):
    """A spot interruption reaches the person, once."""
    before, after = look(instance(says={})), look(instance(says={"notice": "interrupted in 2 min"}))
    assert "interrupted in 2 min" in notices.toasts(before, after, tr)[0]["message"]
    assert notices.toasts(after, after, tr) == []
