"""Keys of other services, encrypted at rest with a key that does not lie in the catalog."""

import os
import secrets
from base64 import b64decode, b64encode
from hashlib import blake2b
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from zhiku.settings import Settings

_FORM = "1:"
_KEY_BYTES = 32


class SecretUnreadable(Exception):
    """A stored secret was sealed with another key than the present one."""


def seal(settings: Settings, secret: str, place: str) -> str:
    """Return a secret encrypted, to be stored at `place` alone: moved elsewhere it cannot be read."""
    sealed = Aead(_vault_key(settings)).encrypt(secret.encode(), place.encode())
    return _FORM + b64encode(sealed).decode()


def unseal(settings: Settings, sealed: str, place: str) -> str:
    """Return a secret that was sealed for `place`. Raises SecretUnreadable."""
    try:
        return Aead(_vault_key(settings)).decrypt(b64decode(sealed.removeprefix(_FORM)), place.encode()).decode()
    except (CryptoError, ValueError) as error:
        raise SecretUnreadable from error


def _vault_key(settings: Settings) -> bytes:
    """Return the key of the settings or of the data folder, where the first secret makes one."""
    given = settings.secret_key.get_secret_value() if settings.secret_key else _key_of_file(settings.secret_key_file)
    return blake2b(given.encode(), digest_size=_KEY_BYTES, person=b"zhiku vault").digest()


def _key_of_file(path: Path) -> str:
    if not path.exists():
        _make_key_file(path)
    return path.read_text(encoding="ascii")


def _make_key_file(path: Path) -> None:
    """Write a new key whole, so that nobody reads half of one; another process may be first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
