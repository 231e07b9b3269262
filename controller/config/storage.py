"""The configuration's part about where recordings are kept: ``[storage]`` and ``[[stores]]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..core.errors import TapelineError


class ConfigError(TapelineError):
    """The configuration cannot be used; the text names each key and says what to do."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StorageConfig(Section):
    path: Path = Field(
        Path("data/recordings"),
        description="The folder of the finished recordings, and of those on their way to another store.",
    )
    default: str = Field(
        "home",
        description="The store of every tenant that no store names; `home` is `storage.path` itself.",
    )
    cache_mib: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="How many MiB of what lies in other stores are kept in `path` as well, to be played from "
        "there; the longest unused go first, and any of them when a disk fills up.",
    )
    alarm_percent: int = Field(
        80,
        ge=1,
        le=100,
        description="How full a disk may get before it is logged and told by /readyz, "
        "and before the cache has to make room.",
    )
    critical_percent: int = Field(
        95, ge=1, le=100, description="How full it may get before /readyz says that we are not ready."
    )


class _StoreBase(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = Field(
        description="Your name for this store. It is noted with every file in it: never change it."
    )
    tenants: tuple[str, ...] = Field((), description="The tenants whose recordings are kept here.")

    @field_validator("name")
    @classmethod
    def _not_home(cls, value: str) -> str:
        if value == "home":
            raise ValueError("home is storage.path; give this store another name")
        return value


class LocalStoreConfig(_StoreBase):
    """A folder, on another disk or a mounted one."""

    kind: Literal["local"]
    path: Path = Field(description="The folder.")


class S3StoreConfig(_StoreBase):
    """A bucket of an S3-compatible object store."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=1, description="The bucket; it has to exist.")
    prefix: str = Field("", description="What every key in the bucket begins with.")
    endpoint: str | None = Field(
        None, description="The server's URL, for any other than Amazon's; http:// is taken as it is."
    )
    region: str = Field("us-east-1", description="The region; most other servers take any.")
    access_key_id: str | None = Field(None, description="The access key; none: the machine's own role.")
    secret_access_key: str | None = Field(None, description="Its secret.", repr=False)
    secret_access_key_file: Path | None = Field(None, description="A file that holds the secret instead.")
    virtual_hosted: bool = Field(
        False, description="The bucket's name is part of the host's name instead of the path."
    )
    server_side_encryption: str | None = Field(
        None, description="Passed to the server with every file: `AES256`, `aws:kms`, `aws:kms:dsse`."
    )
    kms_key_id: str | None = Field(None, description="The key for that, as the server knows it.")
    timeout_s: int = Field(30, ge=1, le=600, description="How long one request may take.")

    @model_validator(mode="after")
    def _one_secret(self) -> S3StoreConfig:
        secrets = (self.secret_access_key, self.secret_access_key_file)
        if self.access_key_id is None and secrets != (None, None):
            raise ValueError("a secret needs access_key_id")
        if self.access_key_id is not None and (secrets.count(None) != 1):
            raise ValueError("give secret_access_key or secret_access_key_file, one of the two")
        return self

    def secret(self) -> str | None:
        """The secret key. Raises ConfigError if its file cannot be read."""
        if self.secret_access_key_file is None:
            return self.secret_access_key
        try:
            return self.secret_access_key_file.read_text().strip()
        except OSError as error:
            raise ConfigError(
                f"stores.{self.name}.secret_access_key_file: cannot read {self.secret_access_key_file}: "
                f"{error.strerror}"
            ) from error


StoreConfig = Annotated[LocalStoreConfig | S3StoreConfig, Field(discriminator="kind")]


def check_stores(storage: StorageConfig, stores: tuple[StoreConfig, ...]) -> None:
    """Raises ValueError for two stores of one name, a default that is none, a tenant of two stores."""
    names = [store.name for store in stores]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two stores are called {name!r}")
    if storage.default != "home" and storage.default not in names:
        raise ValueError(f"storage.default: there is no store {storage.default!r}; add it as [[stores]]")
    tenants = [tenant for store in stores for tenant in store.tenants]
    for tenant in tenants:
        if tenants.count(tenant) > 1:
            raise ValueError(f"two stores are given for the tenant {tenant!r}")


def anchored_store(store: StoreConfig, folder: Path) -> StoreConfig:
    """The same with its relative path made absolute."""
    if isinstance(store, LocalStoreConfig):
        return store.model_copy(update={"path": folder / store.path})
    file = store.secret_access_key_file
    return store.model_copy(update={"secret_access_key_file": folder / file}) if file else store
