"""The configuration: one TOML file and ``TAPELINE_*`` variables. Unknown keys are refused by name.

Every setting is documented by its description here; docs/reference/configuration.md is made from
this module. A variable names a setting by its path, ``TAPELINE_WEB__PORT=8080``.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from .credentials import with_credentials
from .database import POSTGRESQL, DatabaseConfig, anchored_database, with_password
from .explaining import explain
from .formats import FormatsConfig
from .jobs import JobsConfig
from .node import NodeConfig, Part
from .proof import ProofConfig
from .retention import RetentionConfig
from .sealing import SealingConfig, anchored_sealing, check_sealing
from .sign_in import SignInConfig, anchored_sign_in
from .storage import (
    ConfigError,
    LocalStoreConfig,
    S3StoreConfig,
    Section,
    StorageConfig,
    StoreConfig,
    anchored_store,
    check_stores,
)
from .traces import TracesConfig, anchored_traces
from .transcription import TranscriptionConfig
from .webhooks import WebhooksConfig

__all__ = [
    "AsteriskConfig",
    "Config",
    "ConfigError",
    "DatabaseConfig",
    "FormatsConfig",
    "FreeSwitchConfig",
    "JobsConfig",
    "LocalStoreConfig",
    "NodeConfig",
    "ProofConfig",
    "RetentionConfig",
    "S3StoreConfig",
    "SealingConfig",
    "StorageConfig",
    "StoreConfig",
    "SwitchConfig",
    "TracesConfig",
    "TranscriptionConfig",
    "WebConfig",
    "WebhooksConfig",
    "load",
]

#: Variables that the command line itself reads: where the file is, where the demo keeps downloads.
NOT_SETTINGS = {"TAPELINE_CONFIG", "TAPELINE_CACHE"}


#: What a path may hold that goes into a switch's commands.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


class _SwitchBase(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = Field(
        description="Your name for this switch; it appears in paths, pages and metrics."
    )
    host: str = Field("127.0.0.1", description="Where the switch's control port listens.")
    password: str | None = Field(None, description="The control port's password.", repr=False)
    password_file: Path | None = Field(None, description="A file that holds the password instead.")
    spool: Path = Field(description="The folder into which the switch records, as the controller sees it.")
    switch_spool: Path | None = Field(
        None, description="The same folder as the switch sees it, if it sees another path."
    )
    spool_on: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,40}$")] = Field(
        "",
        description="The `node.name` of the machine that this spool is on, where not every machine sees it: "
        "only processes there collect from it; empty: every machine sees it.",
    )
    trusted_network: bool = Field(
        False,
        description="The way to this control port is nobody else's (a network of containers, a cable): no "
        "warning that it is neither loopback nor encrypted.",
    )
    command_timeout_ms: int = Field(
        2000, ge=50, le=60_000, description="How long a command may take before it counts as refused."
    )
    sounds: Path | None = Field(
        None,
        description="The folder of the switch's sounds, as the controller sees it: below it lie the "
        "announcements of tenants that want them in their recordings (`sounds_in_recording`).",
    )
    standby_after_s: int = Field(
        3,
        ge=0,
        le=3600,
        description="So long after the controller was last heard of the switch records by itself, if its "
        "dialplan has the piece for it; 0: never.",
    )

    @field_validator("standby_after_s")
    @classmethod
    def _some_beats(cls, value: int) -> int:
        if value in (1, 2):
            raise ValueError("give 0 or at least 3 seconds: the switch hears of the controller once a second")
        return value

    @model_validator(mode="after")
    def _one_password(self) -> _SwitchBase:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("give password or password_file, one of the two")
        return self

    @field_validator("spool", "switch_spool")
    @classmethod
    def _plain_path(cls, value: Path | None) -> Path | None:
        # The path goes into switch commands, which split their arguments on spaces and commas.
        if value is not None and not PLAIN_PATH.fullmatch(str(value)):
            raise ValueError("use only letters, digits and _ . / - in this path")
        return value

    def secret(self) -> str:
        """The password. Raises ConfigError if its file cannot be read."""
        if self.password is not None:
            return self.password
        assert self.password_file is not None
        try:
            return self.password_file.read_text().strip()
        except OSError as error:
            raise ConfigError(
                f"switches.{self.name}.password_file: cannot read {self.password_file}: {error.strerror}"
            ) from error

    @property
    def password_key(self) -> str:
        """Which setting gives the password."""
        return "password_file" if self.password is None else "password"

    @property
    def seen_by_switch(self) -> Path:
        return self.switch_spool or self.spool


class FreeSwitchConfig(_SwitchBase):
    """A FreeSWITCH, controlled over its event socket."""

    kind: Literal["freeswitch"]
    port: int = Field(8021, ge=1, le=65535, description="The event socket's port.")
    trunk_profiles: tuple[str, ...] = Field(
        ("external",), description="Sofia profiles behind which everybody is an external party."
    )
    trunk_gateways: tuple[str, ...] = Field(
        (), description="Gateways whose calls are external even on another profile; empty: all gateways."
    )
    tenant_of_gateway: dict[str, str] = Field(
        default_factory=dict, description="Which tenant the calls of a gateway belong to."
    )
    message_address_check: bool = Field(
        True,
        description="A MESSAGE out of dialog must come from the IP address of the user's own leg "
        "(FreeSWITCH does not tell whose credentials it was sent with).",
    )


class AsteriskConfig(_SwitchBase):
    """An Asterisk, controlled over AMI."""

    kind: Literal["asterisk"]
    port: int = Field(5038, ge=1, le=65535, description="AMI's port.")
    username: str = Field("tapeline", description="The AMI user (manager.conf).")
    tls: bool = Field(False, description="Speak TLS; `port` is then that of `tlsbindaddr`, often 5039.")
    ca_file: Path | None = Field(
        None, description="Who must have signed Asterisk's certificate (PEM); none: the machine's own list."
    )
    tls_name: str | None = Field(
        None, description="The name in its certificate, if it is not `host`. It is always checked."
    )
    trunks: tuple[str, ...] = Field(
        (), description="Endpoints behind which everybody is an external party (beside REC_SIDE=external)."
    )
    default_tenant: str | None = Field(
        None, description="The tenant of endpoints without REC_TENANT; none: such a party is external."
    )

    @model_validator(mode="after")
    def _tls_or_not(self) -> AsteriskConfig:
        if not self.tls and (self.ca_file is not None or self.tls_name is not None):
            raise ValueError("ca_file and tls_name are for tls = true")
        return self


SwitchConfig = Annotated[FreeSwitchConfig | AsteriskConfig, Field(discriminator="kind")]


class WebConfig(Section):
    """The pages and the API. What languages the pages speak: see [languages](languages.md)."""

    host: str = Field("127.0.0.1", description="The address that the pages and the API listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Their port; 0 takes a free one.")
    secret_file: Path = Field(
        Path("data/session.key"), description="The key that signs sessions; made at the first start."
    )
    secure_cookies: bool = Field(
        False, description="Send the session cookie over HTTPS only. Set it when TLS is in front."
    )
    language: str = Field(
        "en",
        description="The language of pages for whoever has chosen none and whose browser asks for none that "
        'there is: `"en"` or `"de"`.',
    )


class Config(Section):
    switches: tuple[SwitchConfig, ...] = Field((), description="The switches to control.")
    storage: StorageConfig = Field(default_factory=StorageConfig)
    stores: tuple[StoreConfig, ...] = Field((), description="Further places for recordings.")
    sealing: tuple[SealingConfig, ...] = Field((), description="Whose recordings lie encrypted.")
    database: DatabaseConfig = Field(default_factory=DatabaseConfig)
    web: WebConfig = Field(default_factory=WebConfig)
    proof: ProofConfig = Field(default_factory=ProofConfig)
    jobs: JobsConfig = Field(default_factory=JobsConfig)
    node: NodeConfig = Field(default_factory=NodeConfig)
    transcription: TranscriptionConfig = Field(default_factory=TranscriptionConfig)
    formats: FormatsConfig = Field(default_factory=FormatsConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    sign_in: SignInConfig = Field(default_factory=SignInConfig)
    webhooks: WebhooksConfig = Field(default_factory=WebhooksConfig)
    traces: TracesConfig = Field(default_factory=TracesConfig)
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @model_validator(mode="after")
    def _distinct_names(self) -> Config:
        names = [s.name for s in self.switches]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two switches are called {name!r}")
        for name in self.node.prefer:
            if name not in names:
                raise ValueError(f"node.prefer: no switch is called {name!r}")
        if Part.SWITCHES not in self.node.roles and not self.database.url.startswith(POSTGRESQL):
            raise ValueError("node.roles without switches needs a catalog on PostgreSQL")
        check_stores(self.storage, self.stores)
        check_sealing(self.sealing)
        return self


def load(path: Path | None = None, environ: dict[str, str] | None = None) -> Config:
    """The configuration from a file (none: only defaults) with the environment laid over it.

    Relative paths in the file are relative to the file's own folder. Raises ConfigError.
    """
    environ = dict(os.environ) if environ is None else environ
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
    _overlay(raw, environ)
    try:
        config = Config.model_validate(with_credentials(raw, environ))
    except ValidationError as error:
        raise ConfigError(explain(path, error, raw)) from error
    if path is not None:
        config = _anchored(config, path.resolve().parent)
    return config.model_copy(update={"database": with_password(config.database)})


def _overlay(raw: dict[str, Any], environ: dict[str, str]) -> None:
    """Lay TAPELINE_SECTION__KEY over the file; TAPELINE_SWITCHES__NAME__KEY (and STORES) by name."""
    for variable, value in sorted(environ.items()):
        if not variable.startswith("TAPELINE_") or variable in NOT_SETTINGS:
            continue
        keys = variable.removeprefix("TAPELINE_").lower().split("__")
        node: Any = raw
        for key in keys[:-1]:
            if isinstance(node, list):
                found = next((s for s in node if str(s.get("name", "")).lower() == key), None)
                if found is None:
                    word = {"stores": "store", "sealing": "sealing"}.get(keys[0], "switch")
                    raise ConfigError(f"{variable}: no {word} is called {key!r}")
                node = found
            else:
                node = node.setdefault(key, {})
            if not isinstance(node, dict | list):
                raise ConfigError(f"{variable}: {key} is no section")
        if isinstance(node, list):
            raise ConfigError(f"{variable}: say which switch, TAPELINE_SWITCHES__NAME__KEY")
        node[keys[-1]] = value


def _anchored(config: Config, folder: Path) -> Config:
    """The same configuration with its relative paths made absolute."""

    def anchor(value: Path | None) -> Path | None:
        return None if value is None else folder / value

    for switch in config.switches:
        if not PLAIN_PATH.fullmatch(str(folder / switch.spool)):
            raise ConfigError(
                f"switches.{switch.name}.spool: with the configuration's folder in front it is "
                f"{str(folder / switch.spool)!r}; give an absolute path of letters, digits and _ . / -"
            )
    switches = tuple(
        s.model_copy(
            update={name: anchor(getattr(s, name)) for name in ("spool", "password_file", "sounds")}
            | ({"ca_file": anchor(s.ca_file)} if isinstance(s, AsteriskConfig) else {})
        )
        for s in config.switches
    )
    return config.model_copy(
        update={
            "switches": switches,
            "stores": tuple(anchored_store(s, folder) for s in config.stores),
            "sealing": tuple(anchored_sealing(s, folder) for s in config.sealing),
            "storage": config.storage.model_copy(update={"path": anchor(config.storage.path)}),
            "database": anchored_database(config.database, folder),
            "web": config.web.model_copy(update={"secret_file": anchor(config.web.secret_file)}),
            "formats": config.formats.model_copy(update={"cache": anchor(config.formats.cache)}),
            "proof": config.proof.model_copy(update={"key_file": anchor(config.proof.key_file)}),
            "transcription": config.transcription.model_copy(
                update={"model": anchor(config.transcription.model)}
            ),
            "sign_in": anchored_sign_in(config.sign_in, folder),
            "traces": anchored_traces(config.traces, folder),
        }
    )
