"""Progress of a file on a terminal; nothing but messages elsewhere. All of it on stderr."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeElapsedColumn, TimeRemainingColumn


class ByteProgress:
    """How many bytes of a file have been read.

    Args:
        size: of the file in bytes; None if unknown.
    """

    def __init__(self, size: int | None) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        columns = (BarColumn(), DownloadColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._task = self._progress.add_task("publish", total=size)

    def advance(self, count: int) -> None:
        """So many bytes more."""
        self._progress.advance(self._task, count)

    def say(self, message: str) -> None:
        """Prints a line above the progress."""
        self._console.print(message, soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
