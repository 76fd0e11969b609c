"""Settings come from options, environment, configuration, defaults, in this order."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from traitlets import Float, Int
from traitlets.config import Config

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.errors import BadValue


def test_the_nearest_word_wins(monkeypatch):
    """An option beats the environment, which beats the configuration file."""
    config = Config({"AWSGPU": {"region": "from-file", "profile": "from-file", "local_port": 1000}})
    monkeypatch.setenv("AWSGPU_REGION", "from-environment")
    monkeypatch.setenv("AWSGPU_PROFILE", "from-environment")
    monkeypatch.delenv("AWSGPU_LOCAL_PORT", raising=False)  # every run of the tests has its own
    settings = configuration.load({"region": "from-option", "profile": None}, config)
    assert (settings.region, settings.profile, settings.local_port) == ("from-option", "from-environment", 1000)
    assert settings.origin("region") == "--region"
    assert settings.origin("profile") == "AWSGPU_PROFILE"
    assert settings.origin("local_port") == "configuration file"
    assert settings.origin("disk_gb") == "default"


def test_the_demo_keeps_its_state_apart(tmp_path):
    """The simulated AWS's keys and journal never mix with the real ones."""
    real = configuration.load({"data_dir": str(tmp_path)})
    demo = configuration.load({"data_dir": str(tmp_path), "demo": True})
    assert demo.data_folder != real.data_folder
    assert demo.cache_folder != real.cache_folder


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20))
def test_a_bad_value_names_its_place(text):
    """Whatever stands in an environment variable, loading gives settings or one BadValue."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWSGPU_LOCAL_PORT", text)
        try:
            port = int(text)
        except ValueError:
            port = 0
        if 1 <= port <= 65535:
            assert configuration.load().local_port == port
        else:
            with pytest.raises(BadValue, match="AWSGPU_LOCAL_PORT"):
                configuration.load()


NAMES = configuration.names()
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
NUMBERS = st.integers() | st.floats() | st.integers().map(str) | st.floats().map(str)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.binary(max_size=8) | st.builds(object),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def in_use(name, load):
    """Load, and read the setting as the product does; a refusal must name a place and say what helps."""
    loaded = refusal = None
    try:
        loaded = load()
    except BadValue as exc:
        refusal = exc
    if loaded is None:
        assert refusal.remedy.startswith("awsgpu ")
        assert name in refusal.message.lower() or "configuration file" in refusal.message
        return None
    assert loaded.data_folder.is_absolute() or loaded.data_dir
    assert loaded.cache_folder
    return getattr(loaded, name)


def fits(name, value):
    """Say whether a value is one that the trait's own help promises."""
    trait = configuration.AWSGPU.class_traits()[name]
    if isinstance(trait, (Int, Float)) and value is not None:
        return math.isfinite(value) and value >= (trait.min or 0) and (trait.max is None or value <= trait.max)
    return not isinstance(value, str) or "\0" not in value


@pytest.mark.parametrize("name", NAMES)
@given(text=TEXTS | NUMBERS.map(str))
@example(text="inf")
@example(text="nan")
@example(text="~nobody-of-that-name/data")
@settings(max_examples=40)
def test_anything_in_the_environment_is_a_value_or_a_refusal(name, text):
    """Whatever a variable holds, its setting fits its kind and bounds, or one BadValue says what does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AWSGPU_{name.upper()}", text)
        assert fits(name, in_use(name, configuration.load))


@pytest.mark.parametrize("name", NAMES)
@given(value=VALUES)
@example(value=math.nan)
@example(value="a\0b")
@example(value="~nobody-of-that-name/data")
@settings(max_examples=40)
def test_anything_in_a_configuration_file_is_a_value_or_a_refusal(name, value):
    """A file is Python: a setting there may be any object at all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(f"AWSGPU_{name.upper()}", raising=False)
        assert fits(name, in_use(name, lambda: configuration.load(config=Config({"AWSGPU": {name: value}}))))


def test_every_setting_explains_itself():
    """The settings page is made from the traits' help: none is empty."""
    traits = configuration.AWSGPU.class_traits(config=True)
    assert traits
    assert all(trait.help for trait in traits.values())
