"""The dashboards, one a module."""

from typing import Final

from grafana.boards import alerts, city, exchange, indicators, infrastructure, pipeline
from grafana.panels import Json

BOARDS: Final[dict[str, Json]] = {
    "city": city.BOARD,
    "exchange": exchange.BOARD,
    "infrastructure": infrastructure.BOARD,
    "indicators": indicators.BOARD,
    "pipeline": pipeline.BOARD,
    "alerts": alerts.BOARD,
}
"""File name without ``.json`` -> dashboard."""
