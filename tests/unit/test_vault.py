"""Secrets at rest."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from zhiku.settings import Settings
from zhiku.vault import SecretUnreadable, seal, unseal

GIVEN = SecretStr("a key of at least thirty-two characters")


def test_a_secret_comes_back_at_its_place_and_is_not_to_be_seen(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    sealed = seal(settings, "密 secret", "here")
    assert "secret" not in sealed
    assert sealed != seal(settings, "密 secret", "here")
    assert unseal(settings, sealed, "here") == "密 secret"


@pytest.mark.parametrize("spoiled", ["", "1:", "1:!", "1:AAAA", "x"])
def test_what_was_changed_cannot_be_read(tmp_path: Path, spoiled: str) -> None:
    with pytest.raises(SecretUnreadable):
        unseal(Settings(data_dir=tmp_path), spoiled, "here")


def test_a_secret_cannot_be_read_elsewhere_or_with_another_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    sealed = seal(settings, "secret", "here")
    for other, place in ((settings, "there"), (Settings(data_dir=tmp_path, secret_key=GIVEN), "here")):
        with pytest.raises(SecretUnreadable):
            unseal(other, sealed, place)


def test_the_key_of_the_settings_needs_no_file(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret_key=GIVEN)
    assert unseal(settings, seal(settings, "secret", "here"), "here") == "secret"
    assert list(tmp_path.iterdir()) == []


def test_all_who_come_first_get_one_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda number: seal(settings, str(number), "here"), range(8)))
    assert [unseal(settings, each, "here") for each in sealed] == [str(number) for number in range(8)]
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
    assert settings.secret_key_file.stat().st_mode & 0o777 == 0o600
