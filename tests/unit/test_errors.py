"""Every error has one sentence and one command."""

import inspect
import pickle
import string

import pytest

from jupyter_awsgpu import errors


def tree(root=errors.AwsGpuError):
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


CLASSES = sorted({one for one in tree() if one.__module__ == errors.__name__}, key=lambda one: one.__name__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_a_bare_error_still_reads(kind):
    """An error with missing facts shows a gap, never a second error."""
    error = kind()
    assert error.message
    assert isinstance(error.remedy, str)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_an_error_crosses_a_process_border(kind):
    """Pickling keeps class, sentence and facts."""
    error = kind(message="why", name="gpu")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is kind
    assert (again.message, again.remedy, again.facts) == (error.message, error.remedy, error.facts)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_a_template_names_its_facts_in_words(kind):
    """Templates use plain names, so that a translation can use them too."""
    for template in (kind.cause, kind.remedy_template):
        for _, field, spec, _ in string.Formatter().parse(template):
            assert field is None or field.isidentifier()
            assert not spec


def test_codes_are_told_apart():
    """A machine reads the code: no two classes share one."""
    codes = [one.__dict__["code"] for one in CLASSES if "code" in one.__dict__]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_the_docstring_tree_names_every_class(kind):
    """The tree at the module's head is whole."""
    assert kind.__name__ in inspect.getdoc(errors)


def test_markup_in_a_fact_stays_text():
    """A fact with braces is not taken for a template."""
    assert "{evil}" in errors.NoSuchInstance(name="{evil}").message


def test_an_unknown_region_leads_to_the_nearest():
    """The command beside a slip of the pen runs as it stands."""
    error = errors.UnknownRegion(region="us-wets-2", nearest="us-west-2, us-west-1")
    assert error.remedy == "awsgpu types --region us-west-2"
    assert errors.UnknownRegion(region="x", nearest="listed by the command").remedy.endswith("us-west-2")
