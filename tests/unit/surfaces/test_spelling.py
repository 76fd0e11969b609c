"""Commands are shown as the person at this surface would type them."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.errors import NeedsYes, QuotaTooLow
from jupyter_awsgpu.surfaces.documents import refusal
from jupyter_awsgpu.surfaces.notebook import refusal_lines
from jupyter_awsgpu.surfaces.spelling import beginning, spell


@pytest.mark.parametrize(
    ("words", "begin", "spelled"),
    [
        ("awsgpu status", "%awsgpu", "%awsgpu status"),
        ("awsgpu open", "awsgpu --demo", "awsgpu --demo open"),
        ("awsgpu --demo open", "awsgpu --demo", "awsgpu --demo open"),
        ("aws configure", "%awsgpu", "aws configure"),
        ('pip install "jupyter-awsgpu[demo]"', "%awsgpu", 'pip install "jupyter-awsgpu[demo]"'),
        ("!awsgpu token", "%awsgpu", "!awsgpu token"),
        (
            "awsgpu quota g5.xlarge --region eu-west-1",
            "awsgpu --region eu-west-1",
            "awsgpu quota g5.xlarge --region eu-west-1",
        ),
    ],
)
def test_a_command_begins_as_its_surface_does(words: str, begin: str, spelled: str) -> None:
    """Other programs' commands are left alone, and no option is said twice."""
    assert spell(words, begin) == spelled


def test_a_remedy_with_a_region_of_its_own_keeps_that() -> None:
    """The line's wrong region is not said again."""
    assert spell("awsgpu types --region us-west-2", "awsgpu --demo --region us-wets-2").split() == [
        *("awsgpu", "--demo", "types", "--region", "us-west-2")
    ]


def test_a_remedy_keeps_account_and_region_of_the_line() -> None:
    """What mends a refusal in one region and profile is asked there."""
    begin = beginning("awsgpu", {"profile": "work", "region": "eu-west-1"})
    document = refusal(NeedsYes(what="Gone for good.", command="awsgpu terminate gpu"), begin)
    assert document["remedy"] == "awsgpu --profile work --region eu-west-1 terminate gpu --yes"


def test_a_notebook_shows_the_sentence_and_the_magic() -> None:
    """In place of a traceback: cause, and the command that helps as a magic."""
    error = QuotaTooLow(family="G", limit=0, region="eu-west-1", needed=4, instance_type="g5.xlarge")
    cause, remedy = refusal_lines(error)
    assert "limit for running G instances is 0" in cause
    assert "%awsgpu quota g5.xlarge --region eu-west-1 --request 4" in remedy
