"""Secrets come from files, show nowhere, and are in no file of the project."""

import asyncio
import re
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from streams.cli.environment import load_settings
from streams.errors import SettingsError
from streams.settings import Settings
from streams.transport.agents import _credentials
from streams.transport.client_options import TokenFile, client_options
from tests.unit.test_house import ROOT, _files, _texts

CANARY = "canary-7d1f-secret"
SASL = {"CITYPULSE_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "CITYPULSE_SASL_USERNAME": "worker"}

Loaded = Callable[..., Settings]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Settings from environment variables."""

    def load(**environment: object) -> Settings:
        for name, value in (SASL | environment).items():
            monkeypatch.setenv(name, str(value))
        return load_settings()

    return load


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\n")
    return path


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


def test_a_password_from_a_file_is_what_the_client_gets(loaded: Loaded, secret: Path) -> None:
    settings = loaded(CITYPULSE_SASL_PASSWORD_FILE=secret, CITYPULSE_SSL_PASSWORD_FILE=secret)
    assert client_options(settings)["sasl_plain_password"] == CANARY
    assert settings.ssl_password.get_secret_value() == CANARY


def test_settings_never_show_a_secret(loaded: Loaded, secret: Path) -> None:
    for settings in (Settings(sasl_password=SecretStr(CANARY)), loaded(CITYPULSE_SASL_PASSWORD_FILE=secret)):
        for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
            assert CANARY not in text


@pytest.mark.parametrize(
    ("text", "said"), [(None, "cannot be read: No such file"), ("\n", "is empty"), (b"\xff", "it is no UTF-8")]
)
def test_a_file_without_a_secret_is_named(loaded: Loaded, tmp_path: Path, text: str | bytes | None, said: str) -> None:
    path = tmp_path / "secret"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as caught:
        loaded(CITYPULSE_SASL_PASSWORD_FILE=path)
    (line,) = caught.value.problems
    assert line.startswith("CITYPULSE_SASL_PASSWORD=(hidden) is not valid: its file")
    assert str(path) in line
    assert said in line


def test_a_secret_and_its_file_are_an_error_that_shows_neither(loaded: Loaded, secret: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(CITYPULSE_SASL_PASSWORD_FILE=secret, CITYPULSE_SASL_PASSWORD=CANARY)
    assert "leave one out" in caught.value.problems[0]
    assert CANARY not in shown(caught.value)


def test_an_error_about_another_setting_shows_no_secret(loaded: Loaded, secret: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(CITYPULSE_SASL_PASSWORD_FILE=secret, CITYPULSE_PARTITIONS="many")
    assert CANARY not in shown(caught.value)


def test_a_token_is_read_anew_for_each_connection(loaded: Loaded, secret: Path) -> None:
    settings = loaded(CITYPULSE_SASL_MECHANISM="OAUTHBEARER", CITYPULSE_SASL_OAUTH_TOKEN_FILE=secret)
    options = client_options(settings)
    provider = options["sasl_oauth_token_provider"]
    assert _credentials(options).oauth_cb is provider
    assert asyncio.run(provider.token()) == CANARY
    secret.write_text("renewed")
    assert asyncio.run(provider.token()) == "renewed"
    assert CANARY not in repr(options)


async def test_a_token_that_is_away_later_is_a_connection_that_fails(tmp_path: Path) -> None:
    with pytest.raises(KafkaConnectionError, match=r"CITYPULSE_SASL_OAUTH_TOKEN_FILE: its file .* cannot be read"):
        await TokenFile(str(tmp_path / "away")).token()


def test_a_token_must_be_there_at_the_start(loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CITYPULSE_SASL_OAUTH_TOKEN_FILE is empty"):
        client_options(loaded(CITYPULSE_SASL_MECHANISM="OAUTHBEARER"))
    with pytest.raises(SettingsError, match="cannot be read"):
        client_options(
            loaded(CITYPULSE_SASL_MECHANISM="OAUTHBEARER", CITYPULSE_SASL_OAUTH_TOKEN_FILE=tmp_path / "away")
        )


SECRETS = {
    "private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "token of a code host": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|glpat-[0-9A-Za-z_-]{20})\b",
    "Slack token": r"\bxox[abpr]-[0-9A-Za-z-]{10,}",
    "JSON Web Token": r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.",
    "password in an address": r"://[^/\s:@\"'`{}<>$]+:[^/\s:@\"'`{}<>$]{3,}@",
    "password given as a setting": r"(?m)^\s*-?\s*\w*(?:PASSWORD|SECRET|TOKEN)[=:] ?['\"]?[^\s'\"$<>#]{6,}",
}
PLANTED = (
    "-----BEGIN EC PRIVATE" + " KEY-----",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1" * 18,
    "xoxb-" + "1234567890-abc",
    "eyJhbGciOiJub25l" + ".eyJzdWIiOiJ3b3JrZXIi" + ".x",
    "kafka://worker:" + "hunter22@broker",
    "  CITYPULSE_SASL_PASSWORD=" + "hunter22",
)


KEY_STORES = (".key", ".pem", ".p12", ".pfx", ".jks", ".keystore", ".kdbx")


def scan(root: Path) -> list[str]:
    """What looks like a secret in the files of a folder, and files that hold nothing else."""
    stores = [f"{path.relative_to(root)}: a key store" for path in _files(root) if path.suffix in KEY_STORES]
    return stores + [
        f"{name}: {kind}: {match[0][:40]}"
        for name, text in _texts(root)
        for kind, pattern in SECRETS.items()
        for match in re.finditer(pattern, text)
    ]


@pytest.mark.parametrize(("kind", "planted"), list(zip(SECRETS, PLANTED, strict=True)))
def test_the_scan_finds_what_is_planted(tmp_path: Path, kind: str, planted: str) -> None:
    folder = tmp_path / "deploy" / "some"
    folder.mkdir(parents=True)
    (folder / "file.yml").write_text(f"first: line\n{planted}\nlast: line\n")
    assert [found for found in scan(tmp_path) if found.startswith(f"deploy/some/file.yml: {kind}: ")]


def test_the_scan_finds_a_key_store(tmp_path: Path) -> None:
    (tmp_path / "broker.p12").write_bytes(b"\xff\x00")
    assert scan(tmp_path) == ["broker.p12: a key store"]


def test_no_file_of_the_project_holds_a_secret() -> None:
    assert scan(ROOT) == []
