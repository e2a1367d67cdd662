"""Content negotiation: which text format, and whether to compress (RFC 9110, section 12.5)."""

from dataclasses import dataclass

from streams.exposition.text import CLASSIC, OPENMETRICS, Format


@dataclass(frozen=True, slots=True)
class _Choice:
    name: str
    parameters: dict[str, str]
    weight: float


def text_format(accept: str) -> Format:
    """OpenMetrics 1.0 if the client names it and does not like plain text better, else Prometheus text 0.0.4."""
    openmetrics = classic = 0.0
    for choice in _choices(accept):
        if choice.name == "application/openmetrics-text" and choice.parameters.get("version", "1.0.0") == "1.0.0":
            openmetrics = max(openmetrics, choice.weight)
        elif choice.name == "text/plain":
            classic = max(classic, choice.weight)
    return OPENMETRICS if openmetrics > 0 and openmetrics >= classic else CLASSIC


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the client asks for gzip by name."""
    return any(choice.name in {"gzip", "x-gzip"} and choice.weight > 0 for choice in _choices(accept_encoding))


def _choices(header: str) -> list[_Choice]:
    choices = []
    for part in header.lower().split(","):
        name, *raw = (piece.strip() for piece in part.split(";"))
        parameters = {key.strip(): value.strip() for key, _, value in (piece.partition("=") for piece in raw)}
        choices.append(_Choice(name, parameters, _weight(parameters.get("q", "1"))))
    return choices


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # a weight that is none: the choice does not count
