import pytest

from streams.cli.environment import env_example, load_settings
from streams.errors import SettingsError
from streams.settings import Settings
from tests.conftest import ROOT


def problems(monkeypatch: pytest.MonkeyPatch, **environment: str) -> tuple[str, ...]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return caught.value.problems


def test_env_example_is_that_of_the_settings() -> None:
    """``python -m streams.cli.environment > .env.example`` writes it anew."""
    assert (ROOT / ".env.example").read_text() == env_example()


def test_every_default_of_the_example_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in env_example().splitlines():
        if line.startswith("#CITYPULSE_"):
            monkeypatch.setenv(*line.removeprefix("#").split("=", 1))
    assert load_settings() == Settings()


def test_the_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYPULSE_HTTP_PORT", "1")
    assert load_settings(http_port=2).http_port == 2
    assert load_settings(http_port=None).http_port == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CITYPULSE_PARTITIONS", "0", "a whole number from 1 up to 1024"),
        ("CITYPULSE_CHECKPOINT_INTERVAL", "0", "a number above 0 up to 10"),
        ("CITYPULSE_CLOCK", "moon", "one of wall, event"),
        ("CITYPULSE_OPEN_INDICATORS", "perhaps", "true or false"),
        ("CITYPULSE_APP_ID", "City Pulse", "a text that matches ^[a-z0-9]"),
        ("CITYPULSE_TIME_ZONE", "Asia/Atlantis", "no IANA time zone"),
        ("CITYPULSE_BROKER", "localhost", "no host:port"),
        ("CITYPULSE_BROKER", "a:9092,b:0", "'b:0' is no host:port"),
    ],
)
def test_a_bad_setting_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    (line,) = problems(monkeypatch, **{name: value})
    assert line.startswith(f"{name}={value!r} is not valid: ")
    assert said in line


def test_all_bad_settings_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(problems(monkeypatch, CITYPULSE_PARTITIONS="x", CITYPULSE_HTTP_PORT="y")) == 2


def test_a_misspelt_setting_is_not_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, CITYPULSE_PARTITION="4") == (
        "CITYPULSE_PARTITION is no setting; did you mean CITYPULSE_PARTITIONS?",
    )


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes sets these for a service named citypulse."""
    monkeypatch.setenv("CITYPULSE_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("CITYPULSE_PORT", "tcp://10.0.0.1:6066")
    assert load_settings() == Settings()
