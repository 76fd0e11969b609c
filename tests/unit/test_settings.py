"""Settings come from options, environment, configuration, defaults, in this order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
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


def test_every_setting_explains_itself():
    """The settings page is made from the traits' help: none is empty."""
    traits = configuration.AWSGPU.class_traits(config=True)
    assert traits
    assert all(trait.help for trait in traits.values())
