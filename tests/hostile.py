"""Records that nobody should publish, and batches as no well-behaved client writes them."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from schemas.topics import TRANSACTIONS
from tests.reference.decode import Record

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""Number in a batch's attributes."""

MIB = 1 << 20
NOW_MS = 1_700_000_000_000
TIMESTAMPS_MS = {"1970": 0, "none": -1, "2200": 7_258_118_400_000}

Headers = Sequence[tuple[bytes, bytes | None]]


class Hostile(NamedTuple):
    """A record; header names are bytes, as they are on the wire."""

    value: bytes | None
    key: bytes | None = b"key"
    headers: Headers = ()
    timestamp_ms: int = NOW_MS

    def record(self, partition: int) -> Record:
        """As a consumer has it."""
        headers = [(name.decode("utf-8", "backslashreplace"), value) for name, value in self.headers]
        return Record(TRANSACTIONS, partition, self.key, self.value, headers)


class _Name(str):
    """A header name of any bytes, which are written as they are."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")


async def send(producer: AIOKafkaProducer, partition: int, records: Iterable[Hostile], codec: str = "none") -> None:
    """Writes records as one batch of the transactions' topic, and waits until the broker has it."""
    batch = producer.create_batch()
    batch._builder = _DefaultRecordBatchBuilderPy(  # it takes a header's name as it comes
        magic=2, compression_type=CODECS[codec], is_transactional=False, producer_id=-1, producer_epoch=-1,
        base_sequence=0, batch_size=1 << 30,
    )  # fmt: skip
    for value, key, headers, timestamp_ms in records:
        names = [(_Name(name.decode("latin-1")), text) for name, text in headers]
        assert batch.append(timestamp=timestamp_ms, key=key, value=value, headers=names) is not None
    await (await producer.send_batch(batch, TRANSACTIONS, partition=partition))


def event(number: int, **changes: object) -> dict[str, object]:
    """A valid execution; synthetic."""
    data = {
        "transaction_id": f"tx-{number}", "exchange": "bidex", "product_type": "api", "amount": "12.50",
        "currency": "CNY", "cross_border": False,
    }  # fmt: skip
    attributes: dict[str, object] = {
        "specversion": "1.0", "id": f"hostile-{number}", "source": "/synthetic", "time": "2024-08-14T07:30:00Z",
        "type": "citypulse.transaction.executed.v1", "data": data,
    }  # fmt: skip
    return attributes | changes


def _with_amount(text: str) -> bytes:
    return json.dumps(event(0)).replace('"12.50"', text).encode()


def _nested(depth: int) -> bytes:
    return json.dumps(event(0)).replace("{", '{"x":' + "[" * depth + "]" * depth + ",", 1).encode()


def _extension(text: bytes) -> bytes:
    return json.dumps(event(0)).encode()[:-1] + b',"extension":' + text + b"}"


_BINARY = [
    (b"ce_specversion", b"1.0"), (b"ce_id", b"b"), (b"ce_source", b"/synthetic"), (b"ce_time", b"2024-08-14T07:30:00Z"),
    (b"ce_type", b"citypulse.transaction.executed.v1"),
]  # fmt: skip
_DATA = json.dumps(event(0)["data"]).encode()

VALUES: dict[str, Hostile] = {
    "no value": Hostile(None),
    "no key": Hostile(b"{}", key=None),
    "neither": Hostile(None, key=None),
    "empty": Hostile(b"", key=b""),
    "a key of bytes": Hostile(json.dumps(event(1)).encode(), key=b"\xff\x00\xfe"),
    "invalid UTF-8": Hostile(b'{"specversion":"\xff\xfe"}'),
    "invalid UTF-8 in a field": Hostile(json.dumps(event(0)).replace("tx-0", "tx-\xff").encode("latin-1")),
    "an overlong slash": Hostile(_extension(b'"\xc0\xaf"')),
    "a surrogate in UTF-8": Hostile(_extension(b'"\xed\xa0\x80"')),
    "a lone surrogate": Hostile(_extension(b'"\\ud800"')),
    "UTF-16": Hostile(json.dumps(event(0)).encode("utf-16")),
    "a byte order mark": Hostile(b"\xef\xbb\xbf" + json.dumps(event(0)).encode()),
    "zero bytes": Hostile(b"\x00" * 1000),
    "NaN": Hostile(_with_amount("NaN")),
    "Infinity": Hostile(_extension(b"-Infinity")),
    "a huge exponent": Hostile(_with_amount("1e999999999")),
    "a huge exponent as text": Hostile(_with_amount('"1e999999999"')),
    "a huge negative exponent": Hostile(_extension(b"1e-999999999")),
    "a huge exponent beside an event": Hostile(_extension(b"1e400")),
    "a long number": Hostile(_with_amount("9" * 60_000)),
    "a long number as text": Hostile(_with_amount('"' + "9" * 60_000 + '"')),
    "a long fraction": Hostile(_with_amount('"0.' + "0" * 60_000 + '1"')),
    "a long number beside an event": Hostile(_extension(b"9" * 6_000)),
    "deep arrays": Hostile(b"[" * 60_000),
    "deep arrays that close": Hostile(b"[" * 30_000 + b"]" * 30_000),
    "deep objects": Hostile(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "deep within an event": Hostile(_nested(30_000)),
    "as deep as is taken": Hostile(_nested(63)),
    "one level deeper": Hostile(_nested(64)),
    "many fields": Hostile(_extension(b"{" + b",".join(b'"f%d":1' % n for n in range(5_000)) + b"}")),
    "a field twice": Hostile(json.dumps(event(2)).encode()[:-1] + b',"id":"other"}'),
    "the data twice": Hostile(json.dumps(event(3)).encode()[:-1] + b',"data":{}}'),
    "1970": Hostile(json.dumps(event(4, time="1970-01-01T00:00:00Z")).encode()),
    "2200": Hostile(json.dumps(event(5, time="2200-01-01T00:00:00Z")).encode()),
    "year 9999": Hostile(json.dumps(event(6, time="9999-12-31T23:59:59.999999-23:59")).encode()),
    "year 1": Hostile(json.dumps(event(7, time="0001-01-01T00:00:00+23:59")).encode()),
    "unknown headers": Hostile(json.dumps(event(8)).encode(), headers=[(b"x-unknown", b"\xff" * 1000)] * 50),
    "a header without a value": Hostile(json.dumps(event(9)).encode(), headers=[(b"content-type", None)]),
    "header names that are no UTF-8": Hostile(json.dumps(event(10)).encode(), headers=[(b"\xff\xfe", b""), (b"", b"")]),
    "the same, refused": Hostile(b"{", headers=[(b"\xc3\x28", b"\xff"), (b"\x80", None)]),
    "binary": Hostile(_DATA, headers=_BINARY),
    "binary, and an attribute that is no UTF-8": Hostile(_DATA, headers=[*_BINARY, (b"ce_subject", b"\xff")]),
    "binary, and one named by no UTF-8": Hostile(_DATA, headers=[*_BINARY, (b"ce_\xff", b"x")]),
    "binary, and null attributes": Hostile(_DATA, headers=[*_BINARY, (b"ce_id", None), (b"ce_subject", None)]),
    "binary without a value": Hostile(None, headers=_BINARY),
    "a value as large as is taken": Hostile(_extension(b'"' + b"x" * 65_000 + b'"')),
    "a value of a MiB": Hostile(b"\xa5" * (MIB - 4096)),
    "an event of a MiB": Hostile(_extension(b'"' + b"x" * (MIB - 4096) + b'"')),
    "a key of half a MiB": Hostile(b"{", key=b"\xff" * (MIB // 2)),
    "a header of half a MiB": Hostile(b"{", headers=[(b"h", b"\xff" * (MIB // 2))]),
    **{f"a record of {year}": Hostile(json.dumps(event(20 + n)).encode(), timestamp_ms=ms)
       for n, (year, ms) in enumerate(TIMESTAMPS_MS.items())},
    **{f"a broken record of {year}": Hostile(b"{", timestamp_ms=ms) for year, ms in TIMESTAMPS_MS.items()},
}  # fmt: skip
"""Each by what is wrong with it, or odd."""
