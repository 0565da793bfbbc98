import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.errors import StateError
from grokgate.vault import Vault


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "secret.key"


def test_first_start_makes_a_key_file_only_the_owner_reads(key_file: Path) -> None:
    Vault.open(key_file, None)

    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert list(key_file.parent.iterdir()) == [key_file]


def test_second_start_opens_what_the_first_sealed(key_file: Path) -> None:
    sealed = Vault.open(key_file, None).seal(b"secret", context="token:1")

    assert Vault.open(key_file, None).unseal(sealed, context="token:1") == b"secret"


@given(plaintext=st.binary(max_size=200), context=st.text(max_size=20))
def test_sealing_round_trip(plaintext: bytes, context: str) -> None:
    vault = Vault(bytes(32))

    assert vault.unseal(vault.seal(plaintext, context=context), context=context) == plaintext


def test_sealing_twice_gives_different_bytes() -> None:
    vault = Vault(bytes(32))

    assert vault.seal(b"x", context="a") != vault.seal(b"x", context="a")


def test_sealed_bytes_open_only_under_their_context() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(b"x", context="token:1")

    with pytest.raises(StateError, match="token:2 is damaged"):
        vault.unseal(sealed, context="token:2")


@given(position=st.integers(0, 1000), bit=st.integers(0, 7))
def test_every_flipped_bit_is_noticed(position: int, bit: int) -> None:
    vault = Vault(bytes(32))
    sealed = bytearray(vault.seal(b"some secret", context="a"))
    sealed[position % len(sealed)] ^= 1 << bit

    with pytest.raises(StateError):
        vault.unseal(bytes(sealed), context="a")


@pytest.mark.parametrize("length", [0, 1, 20, 21, 22])
def test_cut_sealed_bytes_are_damaged(length: int) -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(b"some secret", context="a")

    with pytest.raises(StateError, match="damaged"):
        vault.unseal(sealed[:length], context="a")


def test_another_key_is_named_as_the_cause() -> None:
    sealed = Vault(bytes(32)).seal(b"x", context="a")

    with pytest.raises(StateError, match="another key"):
        Vault(b"\x01" * 32).unseal(sealed, context="a")


def test_missing_key_file_of_a_used_installation_stops_the_start(key_file: Path) -> None:
    with pytest.raises(StateError, match="missing"):
        Vault.open(key_file, None, needed=True)

    assert not key_file.exists()


@pytest.mark.parametrize("cut", [0, 1, 10, 40, 60])
def test_cut_key_file_stops_the_start_and_stays(key_file: Path, cut: int) -> None:
    Vault.open(key_file, None)
    key_file.write_bytes(damaged := key_file.read_bytes()[:cut])

    with pytest.raises(StateError, match=r"secret\.key is damaged"):
        Vault.open(key_file, None)
    assert key_file.read_bytes() == damaged


@given(content=st.binary(max_size=100))
def test_no_random_content_passes_for_a_key(content: bytes, tmp_path_factory: object) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    path = tmp_path_factory.mktemp("key") / "secret.key"
    path.write_bytes(content)

    with pytest.raises(StateError):
        Vault.open(path, None)


def test_flipped_character_of_a_key_file_is_noticed(key_file: Path) -> None:
    Vault.open(key_file, None)
    text = key_file.read_text()
    swapped = "A" if text[30] != "A" else "B"
    key_file.write_text(text[:30] + swapped + text[31:])

    with pytest.raises(StateError, match="damaged"):
        Vault.open(key_file, None)


def test_folder_instead_of_a_key_file_stops_the_start(key_file: Path) -> None:
    key_file.mkdir()

    with pytest.raises(StateError, match="cannot be read"):
        Vault.open(key_file, None)


def test_key_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        Vault.open(tmp_path / "no such folder" / "secret.key", None)


def test_environment_key_makes_no_file(key_file: Path) -> None:
    Vault.open(key_file, "correct horse battery staple 0123456789")

    assert not key_file.exists()


def test_text_of_the_key_file_works_in_the_environment(key_file: Path) -> None:
    sealed = Vault.open(key_file, None).seal(b"x", context="a")

    assert Vault.open(Path("none"), key_file.read_text()).unseal(sealed, context="a") == b"x"


@pytest.mark.parametrize("text", ["short", "grokgate-key-1.AAAA.00000000"], ids=["short", "broken"])
def test_unfit_environment_key_stops_the_start(key_file: Path, text: str) -> None:
    with pytest.raises(StateError, match="GROKGATE_SECRET_KEY"):
        Vault.open(key_file, text)


def test_digests_differ_by_purpose_and_key() -> None:
    vault = Vault(bytes(32))

    digests = {
        vault.digest("a", "text"),
        vault.digest("b", "text"),
        Vault(b"\x01" * 32).digest("a", "text"),
    }

    assert len(digests) == 3
    assert vault.digest("a", "text") in digests


def test_digest_takes_any_text() -> None:
    assert len(Vault(bytes(32)).digest("a", "\ud800 \0 é")) == 32


def test_new_key_seals_and_the_old_one_still_opens(key_file: Path) -> None:
    vault = Vault.open(key_file, None)
    before = vault.seal(b"secret", context="token:1")

    vault.add_key()

    after = vault.seal(b"secret", context="token:1")
    assert before[1:9] == vault.key_id != vault.sealing_id == after[1:9]
    again = Vault.open(key_file, None)
    assert again.unseal(before, context="token:1") == again.unseal(after, context="token:1")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_new_key_changes_no_digest_and_no_name(key_file: Path) -> None:
    vault = Vault.open(key_file, None)
    known = (vault.key_id, vault.digest("api key", "sk-1"))

    vault.add_key()

    again = Vault.open(key_file, None)
    assert (again.key_id, again.digest("api key", "sk-1")) == known


def test_keys_of_the_environment_are_added_there(key_file: Path) -> None:
    vault = Vault.open(key_file, None)
    vault.add_key()
    both = " ".join(key_file.read_text().split())
    sealed = vault.seal(b"secret", context="a")

    of_environment = Vault.open(key_file, both)

    assert of_environment.unseal(sealed, context="a") == b"secret"
    with pytest.raises(StateError, match="GROKGATE_SECRET_KEY"):
        of_environment.add_key()


def test_damaged_line_among_good_ones_stops_the_start(key_file: Path) -> None:
    Vault.open(key_file, None).add_key()
    key_file.write_text(key_file.read_text()[:-5])

    with pytest.raises(StateError, match="damaged"):
        Vault.open(key_file, None)


def test_keys_that_are_added_at_once_are_all_kept(key_file: Path) -> None:
    vault = Vault.open(key_file, None)

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: vault.add_key(), range(20)))

    assert Vault.open(key_file, None).key_ids == vault.key_ids
    assert len(vault.key_ids) == 21


def test_file_may_hold_very_many_keys(key_file: Path) -> None:
    vault = Vault.open(key_file, None)
    line = key_file.read_text()
    key_file.write_text(line * 100)

    vault.add_key()

    assert Vault.open(key_file, None).sealing_id == vault.sealing_id


def test_no_key_is_added_to_a_file_of_other_keys(key_file: Path, tmp_path: Path) -> None:
    vault = Vault.open(key_file, None)
    Vault.open(tmp_path / "other", None)
    other = (tmp_path / "other").read_text()
    key_file.write_text(other)

    with pytest.raises(StateError, match="does not hold the keys in use"):
        vault.add_key()

    assert key_file.read_text() == other


def test_key_may_follow_a_passphrase_in_the_environment(key_file: Path) -> None:
    passphrase = "correct horse battery staple 0123456789"
    before = Vault.open(key_file, passphrase)
    Vault.open(key_file, None)

    after = Vault.open(Path("none"), f"{passphrase} {key_file.read_text()}")

    assert (after.key_id, after.digest("a", "x")) == (before.key_id, before.digest("a", "x"))
    assert after.unseal(before.seal(b"x", context="a"), context="a") == b"x"
    assert after.sealing_id == Vault.open(key_file, None).key_id


def test_key_that_was_added_to_the_file_is_found_when_it_is_needed(key_file: Path) -> None:
    vault, other = Vault.open(key_file, None), Vault.open(key_file, None)
    other.add_key()
    sealed = other.seal(b"secret", context="a")

    assert vault.unseal(sealed, context="a") == b"secret"
    assert vault.sealing_id == vault.key_id


def test_key_that_was_added_to_the_file_of_a_variable_is_found(
    key_file: Path, tmp_path: Path
) -> None:
    passphrase, mounted = "correct horse battery staple 0123456789", tmp_path / "secret"
    mounted.write_text(f"{passphrase}\n")
    Vault.open(key_file, None)
    vault = Vault.open(key_file, passphrase, env_file=mounted)
    mounted.write_text(f"{passphrase} {key_file.read_text()}")

    vault.seal_with_newest()

    assert vault.sealing_id == Vault.open(key_file, None).key_id


def test_vault_seals_with_the_key_it_is_told(key_file: Path) -> None:
    vault = Vault.open(key_file, None)
    vault.add_key()

    assert vault.seal_with(vault.key_id)
    assert vault.seal(b"x", context="a")[1:9] == vault.key_id
    assert not vault.seal_with(b"nobody's")


@pytest.mark.parametrize("content", [b"", b"damaged", None], ids=["empty", "damaged", "gone"])
def test_file_that_cannot_be_used_takes_no_key_away(key_file: Path, content: bytes | None) -> None:
    vault = Vault.open(key_file, None)
    before = vault.key_ids
    key_file.unlink() if content is None else key_file.write_bytes(content)

    vault.read_again()

    assert vault.key_ids == before


def test_key_file_of_another_installation_is_not_taken_over(key_file: Path, tmp_path: Path) -> None:
    vault = Vault.open(key_file, None)
    Vault.open(tmp_path / "other", None)
    (tmp_path / "other").replace(key_file)

    vault.read_again()

    assert vault.key_ids == {vault.key_id}
