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
    language.speak("en")


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


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("8888 on the instance is 8890 here (8889 is taken)", "实例的 8888 端口对应本机 8890 端口（8889 已被占用）"),
        ("EC2 gave i-1 in us-west-2a", "EC2 在 us-west-2a 分配了 i-1"),
        ("It stops itself after 60 idle minutes.", "它会在空闲 60 分钟后自行停止。"),
        ("There is no image x in us-west-2.", "us-west-2 里没有镜像 x。"),
        ("Tell me if this is in no catalogue", "Tell me if this is in no catalogue"),
    ],
)
def test_a_finished_sentence_of_a_log_is_read_in_chinese(said, chinese):
    """Logs and reports keep English sentences; whoever reads Chinese reads them in Chinese, facts and all."""
    assert language.catalogue("zh").gettext(said) == chinese


def test_a_name_is_never_translated():
    """An instance that a person called "image" keeps its name."""
    assert language.catalogue("zh").gettext("There is no instance named image.") == "没有名为 image 的实例。"


def test_every_translation_names_the_facts_of_its_template():
    """Nothing is lost on the way to Chinese, and nothing is asked for that is not there."""
    entries = language.catalogue("zh")._messages
    assert {one: zh for one, zh in entries.items() if fields(one) != fields(zh)} == {}


def test_a_log_is_written_in_english_whatever_its_writer_speaks():
    """Who reads it later may speak another language."""
    language.speak("zh")
    assert errors.ImageNotFound(image="x", region="us-west-2").english == "There is no image x in us-west-2."
