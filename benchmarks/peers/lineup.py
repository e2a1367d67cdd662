"""Who runs side by side: how each is started, how much it reads, and what of the job it leaves out."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv-peers"
JAVA = ROOT / "benchmarks" / "peers" / "kafka-streams"


@dataclass(frozen=True, slots=True)
class Peer:
    """One that does the job, or a part of it.

    Attributes:
        name: in the tables.
        command: its start; the order follows as the first argument.
        share: of the events it reads one in so many: the slow ones would take hours for all, and their pace is what
            counts.
        lacks: what of the job it leaves out, or does otherwise.
        after: arguments after the order.
        counts: whether it has totals; a floor has none.
        apache_only: why it does not run on the embedded broker; empty when it does.
    """

    name: str
    command: tuple[str, ...]
    share: int
    lacks: str
    after: tuple[str, ...] = ()
    counts: bool = True
    apache_only: str = ""


def _python(module: str) -> tuple[str, ...]:
    return str(VENV / "bin" / "python"), "-m", f"benchmarks.peers.{module}"


_JVM = ("java", "-Xms512m", "-Xmx2g", "-cp", f"{JAVA}/target/peer.jar:{JAVA}/target/lib/*", "citypulse.Peer")
_NO_TRANSACTIONS = "the embedded broker has no transactions"
_NO_JOIN = "the embedded broker hangs up when Kafka Streams' consumer joins its group (seen with 4.4.0)"

_CHANGELOG = "Refused events vanish. No rolling windows, no outcome counts, no HTTP."

PEERS = (
    Peer(
        "faust, agent per event",
        _python("faust_agent"),
        share=125,
        lacks="After a crash it counts again what it had not committed, so totals come out too high. Remembers every "
        f"id for ever. {_CHANGELOG}",
    ),
    Peer(
        "Quix Streams",
        _python("quix"),
        share=20,
        lacks="At least once: after a crash totals may be too high. Remembers every id for ever. The window's grace "
        f"of a day stands for windows that never close. {_CHANGELOG}",
    ),
    Peer(
        "Bytewax",
        _python("bytewax_flow"),
        share=5,
        lacks="Its state survives on the local disk only, as of the last whole second. Partitions do not move between "
        f"workers. Remembers every id for ever. {_CHANGELOG}",
    ),
    Peer(
        "Kafka Streams, at least once",
        _JVM,
        share=1,
        lacks=f"After a crash totals may be too high. A thread for each core. {_CHANGELOG}",
        after=("at_least_once",),
        apache_only=_NO_JOIN,
    ),
    Peer(
        "Kafka Streams, exactly_once_v2",
        _JVM,
        share=1,
        lacks=f"Needs transactions of the broker. A thread for each core. {_CHANGELOG}",
        after=("exactly_once_v2",),
        apache_only=_NO_TRANSACTIONS,
    ),
    Peer(
        "floor: aiokafka fetches",
        _python("floors"),
        share=1,
        lacks="Everything but fetching.",
        after=("fetch",),
        counts=False,
    ),
    Peer(
        "floor: aiokafka fetches, msgspec validates",
        _python("floors"),
        share=1,
        lacks="Everything but fetching and validating.",
        after=("decode",),
        counts=False,
    ),
)


def build() -> None:
    """Builds the Java peer when its source is newer than what was built.

    Raises:
        RuntimeError: no Maven, or it failed.
    """
    jar = JAVA / "target" / "peer.jar"
    sources = [JAVA / "pom.xml", *JAVA.glob("src/**/*.java")]
    if jar.exists() and all(source.stat().st_mtime < jar.stat().st_mtime for source in sources):
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("the Kafka Streams peer needs Maven and a JDK 17 (Debian: apt-get install maven)")
    run = subprocess.run([maven, "-B", "-q", "-f", str(JAVA), "package"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"Maven could not build the Kafka Streams peer:\n{run.stdout}{run.stderr}")
