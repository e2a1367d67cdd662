"""What benchmarks read in a worker's /metrics."""

import http.client
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_VISIBLE = re.compile(rb'citypulse_event_visible_seconds_bucket\{.*?le="([^"]+)".*?\} (\S+)')

SERIES_OF_A_TRADE = 15
"""Of one exchange, product, currency and direction: gross, cancelled, net, 2 counts, 6 windows, 4 periods."""

Buckets = dict[float, float]
"""Events by upper bound of the seconds until they were readable, cumulative, all topics."""


class Scraper:
    """Scrapes one worker over one connection.

    Args:
        url: of the worker.
    """

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def text(self, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of one scrape, as it comes."""
        self._connection.request("GET", "/metrics", headers=dict(headers or {}))
        return self._connection.getresponse().read()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def visible(text: bytes) -> Buckets:
    """``citypulse_event_visible_seconds`` of a scrape."""
    found: Buckets = {}
    for bound, count in _VISIBLE.findall(text):
        found[float(bound)] = found.get(float(bound), 0.0) + float(count)
    return found


def between(before: Buckets, after: Buckets) -> Buckets:
    """What was observed from one scrape to another."""
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def quantile(buckets: Buckets, share: float) -> float:
    """Seconds below which so large a share was: linear within a bucket, as Prometheus's histogram_quantile has it.

    Raises:
        ValueError: nothing was observed.
    """
    wanted = share * max(buckets.values(), default=0.0)
    if not wanted:
        raise ValueError("an empty histogram has no quantiles")
    low, below = 0.0, 0.0
    for high, count in sorted(buckets.items()):
        if count >= wanted:
            return low if high == float("inf") else low + (high - low) * (wanted - below) / (count - below)
        low, below = high, count
    raise ValueError("a histogram has a last bucket")
