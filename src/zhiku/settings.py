"""What an operator can set, by environment variable (`ZHIKU_...`) or command line."""

import re
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# A provider has no colon; a model may have some.
_ALIAS = re.compile(r"\s*[A-Za-z0-9_/-]+:[^=\s][^=]*=\s*[A-Za-z0-9_/-]+:[^=\s][^=]*")

# A name, an IPv4 or IPv6 address, or a network.
_HOST = re.compile(r"\s*([A-Za-z0-9._-]+(/[0-9]{1,2})?|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)\s*")


class Settings(BaseSettings):
    """All settings with their defaults; each is described in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix="ZHIKU_", extra="ignore")

    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = Field(default=5001, ge=1, le=65535)
    public_url: str | None = None

    database_url: str | None = None
    index_url: str | None = None
    blobs_url: str | None = None

    api_key: SecretStr | None = None
    console_password: SecretStr | None = None

    embeddings_url: str | None = None
    embeddings_model: str | None = None
    embeddings_key: SecretStr | None = None
    chat_url: str | None = None
    chat_model: str | None = None
    chat_key: SecretStr | None = None
    chat_concurrency: int = Field(default=10, ge=1, le=10)
    chat_tokens_per_document: int = Field(default=1_000_000, ge=0)
    model_aliases: str | None = None

    outbound_hosts: str | None = None
    secret_key: SecretStr | None = Field(default=None, min_length=32)

    upload_file_bytes: int = Field(default=15 * 1024 * 1024, gt=0)
    json_body_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    segment_max_tokens: int = Field(default=4000, gt=0)
    segments_per_request: int = Field(default=0, ge=0)
    replace_same_name: bool = True
    versions_kept: int = Field(default=10, ge=0)
    rate_limit_per_minute: int = Field(default=0, ge=0)
    key_rate_limit_per_minute: int = Field(default=0, ge=0)
    top_k_max: int = Field(default=200, gt=0)
    link_seconds: int = Field(default=300, gt=0)

    worker_idle_seconds: float = Field(default=300, gt=0)
    extract_seconds: float = Field(default=120, gt=0)
    extract_memory_bytes: int = Field(default=1536 * 1024 * 1024, gt=0)
    extract_output_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    job_lease_seconds: float = Field(default=30, gt=0)
    job_attempts: int = Field(default=5, gt=0)

    @field_validator(
        "public_url",
        "database_url",
        "index_url",
        "blobs_url",
        "api_key",
        "console_password",
        "embeddings_url",
        "embeddings_model",
        "embeddings_key",
        "chat_url",
        "chat_model",
        "chat_key",
        "model_aliases",
        "outbound_hosts",
        "secret_key",
        mode="before",
    )
    @classmethod
    def empty_is_unset(cls, value: Any) -> Any:
        """Read an empty variable as one that is not set; an empty key would let everybody in."""
        return None if value == "" else value

    @field_validator("model_aliases")
    @classmethod
    def aliases_are_pairs(cls, value: str | None) -> str | None:
        """Refuse what is no list of `provider:model=provider:model`."""
        if value is not None and not all(_ALIAS.fullmatch(pair) for pair in value.split(",")):
            raise ValueError("write provider:model=provider:model, several with commas between them")
        return value

    @field_validator("outbound_hosts")
    @classmethod
    def hosts_are_names_or_networks(cls, value: str | None) -> str | None:
        """Refuse what is no list of hosts, such as URLs."""
        if value is not None and not all(_HOST.fullmatch(entry) for entry in value.split(",")):
            raise ValueError("write names, addresses or networks such as 10.0.0.0/8, with commas between them")
        return value

    @property
    def database(self) -> str:
        """The catalog's URL; SQLite under the data dir unless set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'catalog.sqlite3'}"

    @property
    def database_shown(self) -> str:
        """The catalog's URL without what logs in, for messages."""
        scheme, _, rest = self.database.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    @property
    def blobs_dir(self) -> Path:
        """Where uploads lie in the embedded shape."""
        return self.data_dir / "blobs"

    @property
    def index_dir(self) -> Path:
        """Where shards lie in the embedded shape."""
        return self.data_dir / "index"

    @property
    def models_dir(self) -> Path:
        """Where converted models lie."""
        return self.data_dir / "models"

    @property
    def secret_key_file(self) -> Path:
        """Where the key lies that encrypts other services' keys, unless `secret_key` is set."""
        return self.data_dir / "secret.key"
