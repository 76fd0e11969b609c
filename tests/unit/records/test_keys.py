"""Private keys are made here and refused when others can read them."""

import os
import stat

import pytest

from jupyter_awsgpu.errors import KeyFolderTooOpen, KeyMissing, KeyTooOpen
from jupyter_awsgpu.records import KeyStore
from jupyter_awsgpu.records.keys import public_line_of


def test_a_key_is_made_once(tmp_path):
    """Asking twice for the public half gives the same key."""
    store = KeyStore(tmp_path / "keys")
    first = store.public_line("pair")
    assert first.startswith("ssh-ed25519 ")
    assert store.public_line("pair") == first
    assert public_line_of(store.path("pair")) == first


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_key_others_can_read_is_refused(tmp_path):
    """A loosened mode is refused before the key is used, and the remedy mends it."""
    store = KeyStore(tmp_path / "keys")
    store.public_line("pair")
    path = store.path("pair")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    with pytest.raises(KeyTooOpen) as caught:
        store.require(path)
    assert caught.value.remedy == f"chmod 600 {path}"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o777, 0o755, 0o710])
def test_a_folder_of_keys_that_others_may_enter_is_refused(tmp_path, mode):
    """Neither a key in it is used nor another one made there, and the remedy mends it."""
    store = KeyStore(tmp_path / "keys")
    line, path = store.public_line("pair"), store.path("pair")
    path.parent.chmod(mode)
    for use in (
        lambda: store.require(path),
        lambda: store.public_line("pair"),
        lambda: store.public_line("other"),
        lambda: store.take("other", b"from elsewhere"),
    ):
        with pytest.raises(KeyFolderTooOpen, match=f"{mode:04o}") as caught:
            use()
        assert caught.value.remedy == f"chmod 700 {path.parent}"
    assert not store.path("other").exists()
    path.parent.chmod(0o700)
    assert store.public_line("pair") == line


def test_a_key_of_ones_own_may_lie_in_any_folder(tmp_path):
    """What a person names with `--key` is judged by the file alone, as OpenSSH does."""
    path = tmp_path / "downloads" / "own.pem"
    path.parent.mkdir()
    path.touch(0o600)
    path.parent.chmod(0o755)
    assert KeyStore(tmp_path / "keys").require(path) == path


def test_a_missing_key_is_named(tmp_path):
    """A key that is not here is KeyMissing with its place."""
    with pytest.raises(KeyMissing, match=r"absent\.pem"):
        KeyStore(tmp_path).require(tmp_path / "absent.pem")


def test_what_is_no_key_is_refused(tmp_path):
    """A file that holds no private key is refused in words."""
    path = tmp_path / "liao.pem"
    path.write_text("hello")
    with pytest.raises(KeyMissing, match="not a private key"):
        public_line_of(path)
