"""Settings: environment variables ``CITYPULSE_*``. ``.env.example`` lists them all."""

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MAX_EVENT_BYTES = 8 << 20
"""What the largest event may be set to; the contract's topics take 1 MiB."""


def read_secret(path: str) -> str:
    """A secret from a file: all of it, without the line ends behind it.

    Args:
        path: of the file.

    Raises:
        ValueError: it cannot be read, or holds nothing; the message names the file and never what is in it.
    """
    try:
        secret = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ValueError(f"its file {path} cannot be read: {why}") from None
    if not secret:
        raise ValueError(f"its file {path} is empty")
    return secret


class Settings(BaseSettings):
    """One worker's settings."""

    model_config = SettingsConfigDict(env_prefix="CITYPULSE_", extra="forbid", frozen=True, hide_input_in_errors=True)

    broker: str = Field("127.0.0.1:9092", title="Bootstrap servers", description="host:port, comma separated.")
    app_id: str = Field(
        "citypulse",
        title="Application id",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$",
        description="Consumer group of the workers that share the work, and prefix of their state topic.",
    )
    http_host: str = Field("127.0.0.1", title="HTTP address", description="Where /metrics and the API listen.")
    http_port: int = Field(6066, ge=0, le=65535, title="HTTP port", description="0 takes any free port.")
    ingest_tokens_file: str = Field(
        "",
        title="Tokens",
        description="Path of the tokens that may write over HTTP, made with citypulse token; empty: only this machine"
        " may write, and only while the worker listens there alone.",
    )
    ingest_rate: float = Field(
        5_000, gt=0, le=1_000_000, title="Ingestion rate", description="Events a second that each token may write."
    )
    clock: Literal["wall", "event"] = Field(
        "wall", title="Clock", description="wall: windows move with time; event: with the highest event time (replays)."
    )
    time_zone: str = Field(
        "Asia/Shanghai", title="Time zone of to-date totals", description="IANA name; fixed once state is written."
    )
    partitions: int = Field(4, ge=1, le=1024, title="Partitions", description="Of a topic that CityPulse creates.")
    replication_factor: int = Field(1, ge=1, le=7, title="Replication factor", description="Of created topics.")
    dedupe_horizon: int = Field(
        1_000_000, ge=1, le=50_000_000, title="Dedupe horizon", description="Events of a partition remembered."
    )
    series_budget: int = Field(
        5_000, ge=1, title="Series budget", description="Exchange series of a partition before they fold into other."
    )
    max_event_bytes: int = Field(
        65_536,
        ge=1_024,
        le=MAX_EVENT_BYTES,
        title="Largest event",
        description="A larger value is rejected as too_large. CloudEvents asks for 64 KiB to be forwarded.",
    )
    open_indicators: bool = Field(
        False, title="Open indicators", description="Accept indicators that the catalogue does not know."
    )
    dead_letter_share: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Share of dead letters",
        description="Of a topic's records of a minute. Beyond it workers are not ready, and go on; 1: never.",
    )
    checkpoint_interval: float = Field(0.1, gt=0, le=10, title="Checkpoint interval", description="Seconds.")
    thresholds_file: str = Field("", title="Thresholds", description="Path of thresholds.yaml; empty: none.")

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", title="Security protocol", description="As aiokafka has it."
    )
    ssl_cafile: str = Field("", title="CA certificates", description="Path; empty: the system's.")
    ssl_certfile: str = Field("", title="Client certificate", description="Path; empty: none.")
    ssl_keyfile: str = Field("", title="Client key", description="Path; empty: none.")
    ssl_password_file: str = Field(
        "", title="File with the password of the client key", description="Read at the start; empty: none."
    )
    ssl_password: SecretStr = Field(
        SecretStr(""),
        title="Password of the client key",
        description="Empty: none, or in the file.",
        repr=False,
        validate_default=True,
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "PLAIN", title="SASL mechanism", description="As aiokafka has it."
    )
    sasl_username: str = Field("", title="SASL user", description="Empty: none.")
    sasl_password_file: str = Field(
        "", title="File with the SASL password", description="Read at the start; empty: none."
    )
    sasl_password: SecretStr = Field(
        SecretStr(""),
        title="SASL password",
        description="Empty: none, or in the file.",
        repr=False,
        validate_default=True,
    )
    sasl_oauth_token_file: str = Field(
        "", title="File with the OAUTHBEARER token", description="Read anew for each connection; empty: none."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        title="Log level",
        description="Of CityPulse; libraries only warn, because what they send is in their debug logs.",
    )
    log_format: Literal["console", "json"] = Field(
        "console", title="Log format", description="One line an entry on stderr: for people, or an object each."
    )

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for address in value.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
                raise ValueError(f"{address!r} is no host:port, e.g. 127.0.0.1:9092")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no IANA time zone, e.g. Asia/Shanghai") from error
        return value

    @field_validator("ssl_password", "sasl_password")
    @classmethod
    def _from_file(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """``NAME_FILE`` holds what ``NAME`` would: secrets that Docker and Kubernetes mount, out of the environment."""
        path = info.data.get(f"{info.field_name}_file", "")
        if not path:
            return value
        if value.get_secret_value():
            raise ValueError("both it and its file are given; leave one out")
        return SecretStr(read_secret(path))

    @property
    def state_topic(self) -> str:
        """The compacted topic that holds all durable state."""
        return f"{self.app_id}-state"
