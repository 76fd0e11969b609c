"""What comes from AWS and the instance is drawn, never obeyed."""

from jupyter_awsgpu.model import Check, Plan, Price, Wishes
from jupyter_awsgpu.records import Operations
from jupyter_awsgpu.surfaces.panel import chart, preflight, progress
from jupyter_awsgpu.surfaces.panel.card import facts
from jupyter_awsgpu.surfaces.panel.snapshot import GpuUse

EVIL = "<img src=x onerror=alert(1)>"


def test_an_instance_name_cannot_be_markup(instance, tr):
    """Tags can be forged: a name is text."""
    assert "<img" not in facts(instance(name=EVIL), 0.0, tr)


def test_a_step_cannot_be_markup(tmp_path, tr):
    """Texts of steps come from the instance: escaped, with what is done marked and timed."""
    operations = Operations(tmp_path)
    with operations.begin("launch", "gpu") as operation, operation.step("x", "Looking") as step:
        step.say(EVIL)
    drawn = progress.draw(operations.recent()[0], tr)
    assert "<img" not in drawn
    assert "✓" in drawn
    assert "launch done in" in drawn


def test_a_step_under_way_shows_its_fraction(tmp_path, tr):
    """A bar where the fraction is known, while the operation lives."""
    operations = Operations(tmp_path)
    with operations.begin("image", "gpu") as operation, operation.step("x", "Copying") as step:
        step.say("Copying", fraction=0.5)
        drawn = progress.draw(operations.recent()[0], tr)
    assert "width:50%" in drawn
    assert "image under way" in drawn


def test_a_check_cannot_be_markup(tr):
    """A refusal in AWS's words stays words; each mark also has a name."""
    plan = Plan(Wishes("p2.xlarge"), "us-west-2", (Check("x", "Quota", ok=False, detail=EVIL),))
    drawn = preflight.draw(plan, tr)
    assert "<img" not in drawn
    assert 'aria-label="no"' in drawn


def test_the_button_carries_the_price_that_will_be_paid(tr):
    """On demand its price, on the spot market that one's."""
    prices = {"price": Price(0.9), "spot_price": Price(0.27)}
    assert preflight.button_label(Plan(Wishes("p2.xlarge"), "r", (), **prices), tr) == "Launch · $0.90/h"
    assert preflight.button_label(Plan(Wishes("p2.xlarge", spot="yes"), "r", (), **prices), tr) == "Launch · $0.27/h"
    assert preflight.button_label(None, tr) == "Launch"


def test_the_chart_says_its_figures_in_words(tr):
    """A screen reader gets what the line shows; without readings there is no chart."""
    assert chart.draw((), tr) == ""
    drawn = chart.draw((GpuUse(10.0), GpuUse(37.0, 2048, 16384)), tr)
    assert 'aria-label="GPU 37 %, memory 2.0 of 16 GiB"' in drawn
