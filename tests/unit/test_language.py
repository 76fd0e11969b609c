"""Every error speaks English and Chinese, with the same facts in both."""

import string

import pytest

from jupyter_awsgpu import errors, language


def templates(root=errors.AwsGpuError):
    for kind in (root, *root.__subclasses__()):
        if kind.__module__ == errors.__name__ and "cause" in kind.__dict__:
            yield kind.cause
    for kind in root.__subclasses__():
        yield from templates(kind)


PROSE = sorted({one for one in templates() if one.strip("{}_abcdefghijklmnopqrstuvwxyz")})


def fields(template):
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}


@pytest.fixture(autouse=True)
def english_afterwards():
    """Leave the process speaking English."""
    yield
    errors.use_translator(language.ENGLISH)


@pytest.mark.parametrize("template", PROSE)
def test_an_error_has_a_chinese_sentence_with_the_same_facts(template):
    """A template is translated, and its translation names exactly the same facts."""
    chinese = language.catalogue("zh").gettext(template)
    assert chinese != template
    assert fields(chinese) == fields(template)


def test_an_error_speaks_chinese():
    """With Chinese wanted, the sentence is Chinese and the remedy a command as ever."""
    language.speak("zh")
    error = errors.ImageNotFound(image="x", region="us-west-2")
    assert error.message == "us-west-2 里没有镜像 x。"
    assert error.remedy == "awsgpu images"


@pytest.mark.parametrize(
    ("setting", "variable", "found"),
    [("zh", "en_US.UTF-8", "zh"), ("", "zh_CN.UTF-8", "zh"), ("", "de_DE.UTF-8", "en"), ("en", "zh_CN", "en")],
)
def test_the_setting_beats_the_environment(monkeypatch, setting, variable, found):
    """`c.AWSGPU.language` wins over LANGUAGE, which wins over LANG."""
    monkeypatch.setenv("LANG", "fr_FR")
    monkeypatch.setenv("LANGUAGE", variable)
    assert language.wanted(setting) == found
