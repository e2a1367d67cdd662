"""Infrastructure and indicator events of the synthetic traffic. All figures but the story's are made up."""

import json
import random
from datetime import date, timedelta
from typing import Any

from schemas.topics import INDICATORS, INFRASTRUCTURE
from tests.reference.decode import EPOCH, Record
from tests.traffic_records import Event, record_of

HOUR, DAY = 3_600_000_000, 86_400_000_000

PLACES = ("110108", "110105", "X-BDA", "440305", "SG")
UNITS = {"computing_cluster": "PFLOPS", "rack": "kW", "data_center": "kW"}
TYPES = ("base_station_5g", "data_center", "rack", "computing_cluster", "large_model", "spatial_node")
CAPACITIES = ("12.5", "0.001", "300", "0", "999999999999999999", "0.000000000000000001")
REPORT_DATES = 40
FIGURE_AREAS = ("440300", "330100", "CN", "X-BDA")
LAGS = (20, 50, 120, 400)
"""Days from the end of a period to the release of a figure and of its revisions."""

# Beijing as published for 2022 and 2023 (Beijing Municipal Bureau of Statistics), and the press report of 2023-11-24
# that printed 1.406 trillion yuan as 1.406 billion. Indicator, period, value, unit, multiplier, vintage.
STORY = (
    ("gdp", "2022-01-01/P9M", "29926.3", "CNY", 8, "2022-10-24"),
    ("digital_economy_value_added", "2022-01-01/P9M", "12788.9", "CNY", 8, "2022-11-15"),
    ("digital_economy_share", "2022-01-01/P9M", "42.7", "PERCENT", 0, "2022-11-15"),
    ("digital_economy_value_added", "2023-01-01/P3M", "4265.7", "CNY", 8, "2023-05-10"),
    ("digital_economy_value_added", "2023-01-01/P6M", "9180.5", "CNY", 8, "2023-08-10"),
    ("gdp", "2023-01-01/P9M", "31723.1", "CNY", 8, "2023-10-20"),
    ("digital_economy_share", "2023-01-01/P9M", "44.3", "PERCENT", 0, "2023-11-24"),
    ("digital_economy_growth", "2023-01-01/P9M", "8.3", "PERCENT", 0, "2023-11-24"),
    ("core_industries_value_added", "2023-01-01/P9M", "8226.7", "CNY", 8, "2023-11-24"),
    ("digital_economy_value_added", "2023-01-01/P9M", "14.06", "CNY", 8, "2023-11-24"),
)


class City:
    """Infrastructure and indicator records, bounded in assets, reports and figures."""

    def __init__(self, rng: random.Random, seed: int, n: int, end_us: int, partitions: int) -> None:
        self._rng = rng
        self._seed = seed
        self._assets = min(5_000, 10 + n // 40)
        self._end = end_us
        self._partitions = partitions
        self._told = 0

    def next(self, at: int, published: bool) -> Record:
        """An indicator (``published``), an asset or a survey."""
        if published:
            return self._indicator(at)
        return self._survey(at) if self._rng.random() < 0.15 else self._asset(at)

    def _record(self, at: int, topic: str, what: str, key: str, us: int, data: dict[str, Any]) -> Record:
        time = (EPOCH + timedelta(microseconds=us)).isoformat()
        event = Event(
            topic, key, "/synthetic/city", f"s{self._seed}-i{at}", f"citypulse.{what}.v1", time, json.dumps(data)
        )
        return record_of(event, self._partitions, binary=at % 20 == 0)

    def _asset(self, at: int) -> Record:
        rng = self._rng
        number = rng.randrange(self._assets)
        traits = number if rng.random() < 0.95 else rng.randrange(1000)  # the last word counts for type and area, too
        data: dict[str, Any] = {
            "asset_id": f"asset-{number}",
            "asset_type": TYPES[traits % 6],
            "area": PLACES[traits % 5],
        }
        us = self._end - rng.randrange(50) * 7 * HOUR  # so few times that some are equal
        if rng.random() < 0.01:
            data["area"], us = "110228", us - 15 * 365 * DAY  # a code of its time
        what = "decommissioned"
        if rng.random() < 0.65:
            what = "commissioned"
            if data["asset_type"] in UNITS and rng.random() < 0.8:
                data |= {"capacity": rng.choice(CAPACITIES), "unit": UNITS[data["asset_type"]]}
        key = data["asset_id"] if rng.random() < 0.97 else f"elsewhere-{number}"  # the last word of all partitions
        return self._record(at, INFRASTRUCTURE, f"infrastructure.{what}", key, us, data)

    def _survey(self, at: int) -> Record:
        rng = self._rng
        asset_type, area = rng.choice(TYPES), rng.choice(PLACES)
        step = rng.randrange(REPORT_DATES)
        count = 1000 + 40 * step + rng.randrange(3)
        if rng.random() < 0.05:
            count = rng.choice((count * 3, count // 2))
        data: dict[str, Any] = {"asset_type": asset_type, "area": area}
        if asset_type in UNITS and rng.random() < 0.6:
            data |= {"capacity": f"{count}.{step:02d}", "unit": UNITS[asset_type]}
        if len(data) == 2 or rng.random() < 0.5:
            data["count"] = count
        us = self._end - (REPORT_DATES - step) * 25 * DAY
        return self._record(at, INFRASTRUCTURE, "infrastructure.surveyed", f"{asset_type}:{area}", us, data)

    def _indicator(self, at: int) -> Record:
        rng = self._rng
        area = rng.choice(FIGURE_AREAS)
        chance = rng.random()
        if self._told < len(STORY) or chance < 0.02:
            indicator, period, value, unit, multiplier, vintage = STORY[self._told % len(STORY)]
            self._told += 1
            area, status = "110000", "A"
        elif chance < 0.15:
            indicator, unit, multiplier, status = "large_models", "COUNT", 0, "A"
            month = rng.randrange(36)
            end = date(2022 + (month + 1) // 12, (month + 1) % 12 + 1, 1)
            period, vintage = f"{2022 + month // 12}-M{month % 12 + 1:02d}", _released(end, rng.choice(LAGS))
            value = str(24 + 5 * month if rng.random() < 0.93 else rng.randrange(300))
        else:
            indicator, period, value, unit, multiplier, vintage, status = self._account(area)
        data = {
            "indicator": indicator,
            "area": area,
            "period": period,
            "value": value,
            "unit": unit,
            "unit_multiplier": multiplier,
            "status": status,
            "vintage": vintage,
        }
        us = self._end - rng.randrange(30) * DAY
        return self._record(at, INDICATORS, "indicator.observed", f"{indicator}:{area}", us, data)

    def _account(self, area: str) -> tuple[str, str, str, str, int, str, str]:
        """A figure of accounts that fit, as first released or revised, now and then with a mistake."""
        rng = self._rng
        year, quarter, lag = rng.randrange(2021, 2025), rng.randrange(1, 5), rng.randrange(4)
        gdp = (3_000 + 700 * FIGURE_AREAS.index(area)) * 1.07 ** (year - 2021) * quarter * (1 + lag / 2000)
        core = gdp * 0.25
        levels = {"gdp": gdp, "digital_economy_value_added": gdp * 0.43, "core_industries_value_added": core}
        levels |= {f"core_class_0{number}_value_added": core * number / 10 for number in (1, 2, 3, 4)}
        rates = {"digital_economy_share": 43.0, "core_industries_share": 25.0, "digital_economy_growth": 7.0}
        indicator = rng.choice((*levels, *rates))
        end = date(year + quarter // 4, quarter % 4 * 3 + 1, 1)
        period = f"{year}-Q1" if quarter == 1 and rng.random() < 0.3 else f"{year}-01-01/P{3 * quarter}M"
        status = rng.choice("AAAAAAPPEM")
        mistake = rng.choice((1e-3, 1e-4, 10, 0.5)) if rng.random() < 0.04 else 1
        if indicator in rates:
            value, unit = rates[indicator] * mistake, "PERCENT"
            text, multiplier = f"{value:.1f}", 0
            if rng.random() < 0.2:
                text, unit = f"{value / 100:.3f}", "RATIO"
        else:
            unit = "CNY"
            multiplier = rng.choice((8, 8, 8, 12, 0, 4))
            text = f"{levels[indicator] * mistake * 10.0 ** (8 - multiplier):.{ {8: 1, 12: 4}.get(multiplier, 0) }f}"
        return indicator, period, text, unit, multiplier, _released(end, LAGS[lag]), status


def _released(end: date, lag: int) -> str:
    return (end + timedelta(days=lag)).isoformat()
