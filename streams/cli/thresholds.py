"""``citypulse thresholds check`` and ``build``."""

import argparse
import json
from collections.abc import Sequence
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

    Returns:
        0; of ``check --json`` 2 when the file is not valid, and the document says why.

    Raises:
        ThresholdsNotValid: what is wrong with the file, by line and field; not with ``check --json``.
        CityPulseError: with ``--check``, the rules are not those of the file; or they cannot be written.
    """
    path = Path(arguments.file)
    checked_for_a_program = arguments.action == "check" and arguments.json
    try:
        thresholds = read_thresholds(path)
    except ThresholdError as error:
        if checked_for_a_program:
            print(_document(path, (), error.problems))
            return InputError.exit_code
        raise ThresholdsNotValid(error.problems) from error
    if checked_for_a_program:
        print(_document(path, thresholds, ()))
        return 0
    if arguments.action == "check":
        for threshold in thresholds:
            print(_line(threshold))
        print(f"{len(thresholds)} thresholds in {path}: ok")
        return 0
    return _build(thresholds, path, Path(arguments.output), check=arguments.check)


def _document(path: Path, thresholds: Sequence[Threshold], problems: Sequence[str]) -> str:
    """For programs; limits are decimal strings, as in the API."""
    rows = [threshold.model_dump(mode="json", by_alias=True) for threshold in thresholds]
    answer = {"ok": not problems, "file": str(path), "thresholds": rows, "problems": problems}
    return json.dumps(answer, ensure_ascii=False, indent=2)


def _build(thresholds: tuple[Threshold, ...], source: Path, output: Path, *, check: bool) -> int:
    text = rules_text(thresholds)
    try:
        if check:
            if not output.exists() or output.read_text(encoding="utf-8") != text:
                raise CityPulseError(f"{output} is not what {source} makes", "run: make rules")
        else:
            output.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"cannot {'read' if check else 'write'} {output}: {why}") from error
    print(f"{output}: {'up to date' if check else 'written'}")
    return 0


def _line(threshold: Threshold) -> str:
    labels = ", ".join(f"{label}={value}" for label, value in threshold.labels.items())
    waits = f" for {threshold.duration}" if threshold.for_us else ""
    by = f" by {', '.join(threshold.by)}" if threshold.by else ""
    what = f"{threshold.metric}{{{labels}}}{by}"
    compared = "" if threshold.compare == "value" else f"{threshold.compare} of "
    return f"{threshold.severity:<8}  {threshold.name}: {compared}{what} {threshold.op} {threshold.limit:f}{waits}"
