"""An error offers its remedy as a button where the panel can do it, as text where only a person can."""

import pytest

from jupyter_awsgpu.surfaces.panel.refusal import RefusalBox, runnable


@pytest.mark.parametrize(
    ("remedy", "words"),
    [
        ("awsgpu quota g5.xlarge --request 4", ("quota", "g5.xlarge", "--request", "4")),
        ("awsgpu --demo status", ("status",)),
        ("awsgpu launch --key FILE", None),
        ("aws configure", None),
        ("chmod 600 '/a b'", None),
        ("awsgpu", None),
        ("awsgpu 'unclosed", None),
        ("", None),
    ],
)
def test_only_our_own_whole_commands_are_run(remedy, words):
    """Another program's command, or one with something left to fill in, is for a person to type."""
    assert runnable(remedy) == words


def test_the_button_does_the_remedy(tr):
    """Pressed, it runs the words; the sentence is text whatever it holds."""
    ran = []
    box = RefusalBox(ran.append, tr)
    box.show("<b>No</b> quota.", "awsgpu quota g5.xlarge --request 4")
    text, button = box.children
    assert "<b>No" not in text.value
    button.click()
    assert ran == [("quota", "g5.xlarge", "--request", "4")]


def test_nothing_to_say_takes_no_room(tr):
    """Without an error the box is gone."""
    box = RefusalBox(print, tr)
    box.show("x", "aws configure")
    assert box.layout.display == "flex"
    box.show(None)
    assert (box.layout.display, box.children) == ("none", ())
