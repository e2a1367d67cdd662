"""Errors that a person can mend: one line that says what is wrong, and a hint that says what to do."""

from collections.abc import Sequence


class CityPulseError(Exception):
    """A broken precondition, not a bug: the command line prints it without a traceback.

    Args:
        message: what is wrong, one line, no full stop.
        hint: how to mend it, one line; "" if there is nothing to say.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def lines(self) -> Sequence[str]:
        """What to print, one problem a line."""
        return [f"{self.message}; {self.hint}" if self.hint else self.message]


class SettingsError(CityPulseError):
    """Settings that are not valid. Each of ``problems`` names the environment variable and what is allowed."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)

    def lines(self) -> Sequence[str]:
        """One line a bad setting."""
        return self.problems


class BrokerUnreachable(CityPulseError):
    """No Kafka broker answers, or it refuses us.

    Args:
        bootstrap: the bootstrap servers that were tried.
        reason: what the last attempt said; "" if unknown.
    """

    def __init__(self, bootstrap: str, reason: str = "") -> None:
        said = f" ({reason})" if reason else ""
        super().__init__(
            f"no Kafka broker answers at {bootstrap}{said}",
            "set CITYPULSE_BROKER or start one with: citypulse broker",
        )


class NotAllowed(CityPulseError):
    """The broker knows us and does not let us do what we need.

    Args:
        rights: what is missing, such as ``Write on topic citypulse.dead-letters.v1``.
    """

    def __init__(self, rights: Sequence[str]) -> None:
        super().__init__(
            f"the broker does not allow this user: {', '.join(rights)}",
            "grant it with kafka-acls.sh, as docs/security.md has it",
        )


class NotAuthenticated(CityPulseError):
    """The broker does not know us by what we say we are."""


class TopicLayoutError(CityPulseError):
    """The topics of the cluster are not as the contract has them."""


class PortTaken(CityPulseError):
    """The address that was asked for cannot be listened on."""


class EmbeddedBrokerError(CityPulseError):
    """The embedded broker is not there for this platform, or does not start."""


class WorkerUnreachable(CityPulseError):
    """No worker answers at the URL, or it answers something else."""


class InputError(CityPulseError):
    """A file or an option of a command cannot be used."""

    exit_code = 2
