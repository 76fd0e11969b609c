"""What all unit tests share: Hypothesis does not call an example wrong for being slow on a busy machine."""

from hypothesis import settings

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")
