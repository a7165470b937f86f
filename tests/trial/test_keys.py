"""Master keys: where they may lie, who may read them, and that purposes never share one."""

import os
import stat
import sys

import pytest

from trial.ids import SystemEntropy, UnsafeSeededEntropy
from trial.keys import (
    CommandKeyProvider,
    EnvironmentKeyProvider,
    FileKeyProvider,
    KeyAlreadyExists,
    KeyCommandFailed,
    KeyInsideData,
    KeyMalformed,
    KeyMissing,
    KeyPurpose,
    KeySourceUnknown,
    KeyTooOpen,
    MasterKey,
    create_key_file,
    encode_key,
    key_provider_from,
)

KEY = MasterKey(bytes(range(32)))
TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

KNOWN_ID = "efd24e676aeaad89"
# By RFC 5869 with the standard library's hmac alone.
KNOWN_SEALING_KEY = "7108867f8b1b860fd07b765025db1b9bf5b766e0bed636385ca2ca503cad2745"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys" / "equipoise.key"


def test_a_new_key_file_is_for_its_owner_only_whatever_the_umask(path):
    before = os.umask(0)
    try:
        create_key_file(path, SystemEntropy())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_key_file_gives_the_key_that_was_created(path):
    created = create_key_file(path, UnsafeSeededEntropy(1))
    assert FileKeyProvider(path).master_key() == created
    assert path.read_text() == encode_key(created) + "\n"


def test_an_existing_key_file_is_never_replaced(path):
    create_key_file(path, SystemEntropy())
    before = path.read_bytes()
    with pytest.raises(KeyAlreadyExists):
        create_key_file(path, SystemEntropy())
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_key_file_that_others_may_use_is_refused(path, mode):
    create_key_file(path, SystemEntropy())
    path.chmod(mode)
    with pytest.raises(KeyTooOpen, match="600"):
        FileKeyProvider(path).master_key()
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_for_its_owner_only_is_read(path, mode):
    create_key_file(path, SystemEntropy())
    path.chmod(mode)
    assert FileKeyProvider(path).master_key()


def test_a_link_to_an_open_file_is_refused_for_the_file_behind_it(path, tmp_path):
    create_key_file(path, SystemEntropy())
    path.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(KeyTooOpen):
        FileKeyProvider(link).master_key()


def test_a_key_file_inside_the_data_directory_is_refused(tmp_path):
    data = tmp_path / "data"
    inside = data / "deep" / "equipoise.key"
    with pytest.raises(KeyInsideData):
        create_key_file(inside, SystemEntropy(), data_directory=data)
    assert not inside.exists()
    create_key_file(inside, SystemEntropy())
    with pytest.raises(KeyInsideData):
        FileKeyProvider(inside, data).master_key()


def test_a_key_file_beside_the_data_directory_is_read(path, tmp_path):
    created = create_key_file(path, SystemEntropy(), data_directory=tmp_path / "data")
    assert FileKeyProvider(path, tmp_path / "data").master_key() == created


def test_a_link_does_not_hide_that_the_key_lies_inside_the_data_directory(tmp_path):
    data, link = tmp_path / "data", tmp_path / "equipoise.key"
    create_key_file(data / "equipoise.key", SystemEntropy())
    link.symlink_to(data / "equipoise.key")
    with pytest.raises(KeyInsideData):
        FileKeyProvider(link, data).master_key()


def test_a_missing_key_file_is_said_with_the_remedy(path):
    with pytest.raises(KeyMissing, match="escrow"):
        FileKeyProvider(path).master_key()


def test_a_directory_in_place_of_a_key_file_is_refused(tmp_path):
    with pytest.raises(KeyMissing, match="cannot be read"):
        FileKeyProvider(tmp_path).master_key()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe", TEXT[:-4].encode(), b"!" * 44, (TEXT * 2).encode()])
def test_a_file_without_a_whole_key_is_refused(path, content):
    create_key_file(path, SystemEntropy())
    path.write_bytes(content)
    with pytest.raises(KeyMalformed, match="32 bytes"):
        FileKeyProvider(path).master_key()


def test_a_key_from_the_environment():
    assert EnvironmentKeyProvider("KEY", {"KEY": TEXT}).master_key() == KEY
    with pytest.raises(KeyMissing, match="KEY is not set"):
        EnvironmentKeyProvider("KEY", {}).master_key()
    with pytest.raises(KeyMalformed):
        EnvironmentKeyProvider("KEY", {"KEY": "no key"}).master_key()


def test_a_key_from_a_command_which_runs_once(tmp_path):
    count = tmp_path / "count"
    script = f"open({str(count)!r}, 'a').write('x'); print({TEXT!r})"
    provider = CommandKeyProvider((sys.executable, "-c", script))
    assert provider.master_key() == provider.master_key() == KEY
    assert count.read_text() == "x"


@pytest.mark.parametrize(
    "command",
    [
        ("/no/such/command",),
        (sys.executable, "-c", f"print({TEXT!r}); raise SystemExit(1)"),
    ],
)
def test_a_command_that_fails_gives_no_key_and_repeats_nothing_that_it_wrote(command):
    with pytest.raises(KeyCommandFailed) as refused:
        CommandKeyProvider(command).master_key()
    assert TEXT not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_command_that_prints_no_key_is_refused():
    with pytest.raises(KeyMalformed):
        CommandKeyProvider((sys.executable, "-c", "print('hello')")).master_key()


def test_a_setting_names_its_provider(path, tmp_path):
    assert key_provider_from(f"file:{path}", tmp_path) == FileKeyProvider(path, tmp_path)
    assert key_provider_from("env:EQUIPOISE_KEY") == EnvironmentKeyProvider("EQUIPOISE_KEY")
    assert key_provider_from("command:kms decrypt key.bin") == CommandKeyProvider(("kms", "decrypt", "key.bin"))


@pytest.mark.parametrize("source", ["", "file:", "env:", "command: ", "vault:x", TEXT])
def test_an_unknown_source_is_refused_without_repeating_it(source):
    with pytest.raises(KeySourceUnknown) as refused:
        key_provider_from(source)
    assert TEXT not in refused.value.sentence


def test_purposes_and_keys_never_share_a_derived_key():
    derived = {key.derive(purpose) for key in (KEY, MasterKey(bytes(32))) for purpose in KeyPurpose}
    assert len(derived) == 2 * len(KeyPurpose)
    assert all(len(key) == 32 for key in derived)


def test_a_derived_key_and_an_id_never_change():
    assert KEY.key_id == KNOWN_ID
    assert KEY.derive(KeyPurpose.SEALING).hex() == KNOWN_SEALING_KEY


def test_a_key_does_not_print_itself():
    assert repr(KEY) == "MasterKey()"
    assert TEXT not in repr(EnvironmentKeyProvider("KEY", {"KEY": TEXT}))


def test_a_key_of_another_size_is_refused():
    with pytest.raises(KeyMalformed):
        MasterKey(bytes(16))
