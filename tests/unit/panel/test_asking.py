"""The preflight answers the last question only; the list of cards keeps what one looks at."""

import queue
import threading

import pytest

from jupyter_awsgpu.errors import UnknownType
from jupyter_awsgpu.model import Plan, Wishes
from jupyter_awsgpu.records import Operations
from jupyter_awsgpu.surfaces.panel.instances import Instances
from jupyter_awsgpu.surfaces.panel.preflight import Preflight


def planned(wishes):
    return Plan(wishes, "us-west-2", ())


def test_only_the_last_of_quick_choices_is_asked():
    """Three choices in a moment are one question."""
    asked, shown = [], queue.Queue()
    preflight = Preflight(lambda wishes: (asked.append(wishes.instance_type), planned(wishes))[1], shown.put)
    for name in ("a", "b", "c"):
        preflight.wish(Wishes(name), pause_s=0.05)
    assert shown.get(timeout=10).wishes.instance_type == "c"
    assert asked == ["c"]


def test_a_late_answer_to_an_old_question_is_dropped():
    """A slow answer never overwrites the newer one."""
    began, slow, shown = threading.Event(), threading.Event(), queue.Queue()

    def ask(wishes):
        if wishes.instance_type == "slow":
            began.set()
            slow.wait(10)
        return planned(wishes)

    preflight = Preflight(ask, shown.put)
    preflight.wish(Wishes("slow"), pause_s=0)
    assert began.wait(10)
    preflight.wish(Wishes("quick"), pause_s=0)
    assert shown.get(timeout=10).wishes.instance_type == "quick"
    slow.set()
    with pytest.raises(queue.Empty):
        shown.get(timeout=0.3)


def test_a_refusal_is_an_answer():
    """What makes the question meaningless is shown like any error; a mistake of ours is called one."""
    shown = queue.Queue()

    def ask(wishes):
        raise UnknownType(instance_type="x", nearest="y") if wishes.instance_type == "x" else KeyError("oops")

    preflight = Preflight(ask, shown.put)
    preflight.wish(Wishes("x"), pause_s=0)
    assert shown.get(timeout=10).code == "unknown-type"
    preflight.wish(Wishes("z"), pause_s=0)
    assert shown.get(timeout=10).code == "bug"


@pytest.fixture
def cards(tr):
    """The list, with what its buttons ran."""
    ran = []
    listed = Instances(ran.append, lambda _words: "log", tr)
    listed.ran = ran
    return listed


def test_a_card_stays_the_same_widget(cards, look, instance):
    """Looked at again, nothing is rebuilt: the focus stays where it was."""
    cards.show(look(instance()))
    (before,) = cards.children
    cards.show(look(instance(state="stopped")))
    assert cards.children == (before,)
    cards.show(look())
    assert before not in cards.children


def test_a_launch_has_a_card_before_it_has_an_instance(cards, look, tmp_path):
    """From the press on, and while the log has no instance to show."""
    cards.began("launch", "gpu")
    cards.show(look())
    assert "launch begins" in cards.children[0].children[-1].value
    operations = Operations(tmp_path)
    with operations.begin("launch", "gpu") as operation, operation.step("x", "Asking AWS"):
        cards.show(look(operations=operations.recent(), at=operations.recent()[0].events[-1].at))
    assert "Asking AWS" in cards.children[0].children[-1].value


def test_a_verb_of_the_palette_presses_the_one_button_there_is(cards, look, instance):
    """With one instance it acts; with two it cannot know which."""
    cards.show(look(instance()))
    assert cards.ask("stop")
    assert cards.ran == [("stop", "gpu")]
    cards.show(look(instance(), instance(name="b", instance_id="i-2")))
    assert not cards.ask("stop")


def test_terminate_runs_only_after_the_question(cards, look, instance):
    """The first press asks, the second does."""
    cards.show(look(instance()))
    cards.ask("terminate")
    assert cards.ran == []
    confirm = cards.children[0].children[2]
    _text, buttons = confirm.children
    buttons.children[1].click()
    assert cards.ran == [("terminate", "gpu")]
