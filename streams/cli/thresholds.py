"""``citypulse thresholds check`` and ``build``."""

import argparse
from pathlib import Path

from schemas.thresholds import Threshold, ThresholdError, read_thresholds
from streams.alerts.rules import rules_text
from streams.errors import CityPulseError, InputError


class ThresholdsNotValid(InputError):
    """A thresholds file with problems, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def lines(self) -> tuple[str, ...]:
        """One line a problem."""
        return self.problems


def run(arguments: argparse.Namespace) -> int:
    """Checks a thresholds file, or makes Prometheus rules of it.

    Raises:
        ThresholdsNotValid: what is wrong with the file, by line and field.
        CityPulseError: with ``--check``, the rules are not those of the file; or they cannot be written.
    """
    path = Path(arguments.file)
    try:
        thresholds = read_thresholds(path)
    except ThresholdError as error:
        raise ThresholdsNotValid(error.problems) from error
    if arguments.action == "check":
        for threshold in thresholds:
            print(_line(threshold))
        print(f"{len(thresholds)} thresholds in {path}: ok")
        return 0
    return _build(thresholds, path, Path(arguments.output), check=arguments.check)


def _build(thresholds: tuple[Threshold, ...], source: Path, output: Path, *, check: bool) -> int:
    text = rules_text(thresholds)
    try:
        if check:
            if not output.exists() or output.read_text(encoding="utf-8") != text:
                raise CityPulseError(f"{output} is not what {source} makes", "run: make rules")
        else:
            output.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{output}: {error.strerror if isinstance(error, OSError) else 'not UTF-8'}") from error
    print(f"{output}: {'up to date' if check else 'written'}")
    return 0


def _line(threshold: Threshold) -> str:
    labels = ", ".join(f"{label}={value}" for label, value in threshold.labels.items())
    waits = f" for {threshold.duration}" if threshold.for_us else ""
    by = f" by {', '.join(threshold.by)}" if threshold.by else ""
    what = f"{threshold.metric}{{{labels}}}{by}"
    compared = "" if threshold.compare == "value" else f"{threshold.compare} of "
    return f"{threshold.severity:<8}  {threshold.name}: {compared}{what} {threshold.op} {threshold.limit:f}{waits}"
