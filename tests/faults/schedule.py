"""Which faults happen when: decided by a seed alone."""

import random
from typing import Final, Literal, NamedTuple, get_args

Kind = Literal[
    "kill", "kill all", "restart", "roll", "join", "pause", "broker", "cut", "duplicates", "leaders", "asleep", "short"
]

OF_THREE: Final[frozenset[Kind]] = frozenset({"leaders", "asleep", "short"})
"""What can only be done to a cluster of three brokers."""

WHAT: Final[dict[Kind, str]] = {
    "kill": "kill -9 of a worker, restarted",
    "kill all": "kill -9 of all workers, restarted",
    "restart": "SIGTERM to a worker, restarted",
    "roll": "rolling restart of all workers",
    "join": "one more worker joins, and leaves",
    "pause": "SIGSTOP beyond the session, SIGCONT",
    "broker": "kill -9 of a broker, restarted",
    "cut": "network of a worker cut, mended",
    "duplicates": "kill -9, duplicates republished, restarted",
    "leaders": "leaders of all partitions moved",
    "asleep": "SIGSTOP, leaders of all partitions moved, SIGCONT",
    "short": "a broker down, kill -9 of a worker meanwhile",
}

LASTS: Final[dict[Kind, tuple[float, float]]] = {
    "kill": (0.0, 9.0),
    "kill all": (0.0, 4.0),
    "restart": (0.0, 2.0),
    "roll": (0.0, 1.0),
    "join": (0.0, 4.0),
    "pause": (8.0, 16.0),
    "broker": (0.0, 20.0),
    "cut": (8.0, 50.0),
    "duplicates": (0.0, 3.0),
    "leaders": (0.0, 4.0),
    "asleep": (8.0, 12.0),
    "short": (0.0, 6.0),
}
"""Seconds, least and most. A session ends after 6 s of silence; aiokafka gives a request up after 40 s."""


class Fault(NamedTuple):
    """One fault."""

    kind: Kind
    after: float  # seconds of quiet before it
    lasts: float  # seconds
    worker: int  # which one, from 0
    broker: int  # which one, from 1
    silent: bool  # how a network is cut

    def __str__(self) -> str:
        who = {
            **dict.fromkeys(("roll", "kill all", "join", "leaders"), ""),
            "broker": f" {self.broker}",
            "short": f" of broker {self.broker} and worker {self.worker}",
        }.get(self.kind, f" of worker {self.worker}")
        how = (" silently" if self.silent else " with resets") if self.kind == "cut" else ""
        return f"after {self.after:4.1f} s: {self.kind}{who}{how} for {self.lasts:4.1f} s"


def schedule(seed: int, count: int, *, workers: int, brokers: int) -> list[Fault]:
    """``count`` faults; each kind comes once before any comes again.

    Args:
        seed: of all chance.
        count: how many.
        workers: how many there are to choose from.
        brokers: the same.
    """
    rng = random.Random(seed)
    kinds: list[Kind] = []
    while len(kinds) < count:
        one_each = [kind for kind in get_args(Kind) if brokers > 1 or kind not in OF_THREE]
        rng.shuffle(one_each)
        kinds += one_each
    return [
        Fault(
            kind,
            rng.uniform(0.5, 4.0),
            rng.uniform(*LASTS[kind]),
            rng.randrange(workers),
            1 + rng.randrange(brokers),
            rng.random() < 0.6,
        )
        for kind in kinds[:count]
    ]
