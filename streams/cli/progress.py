"""Progress on a terminal; nothing but messages elsewhere. All of it on stderr."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class _Progress:
    """How much of a whole is done.

    Args:
        done: the column that shows it.
        total: the whole; None if unknown.
    """

    def __init__(self, done: ProgressColumn, total: int | None) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        columns = (BarColumn(), done, TimeElapsedColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._task = self._progress.add_task("", total=total)

    def advance(self, count: int) -> None:
        """So much more is done."""
        self._progress.advance(self._task, count)

    def total(self, count: int) -> None:
        """The whole is known now."""
        self._progress.update(self._task, total=count)

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


class ByteProgress(_Progress):
    """How many bytes of a file have been read.

    Args:
        size: of the file in bytes; None if unknown.
    """

    def __init__(self, size: int | None) -> None:
        super().__init__(DownloadColumn(), size)


class RecordProgress(_Progress):
    """How many records, or other things, are done.

    Args:
        total: of all; None if unknown.
    """

    def __init__(self, total: int | None = None) -> None:
        super().__init__(MofNCompleteColumn(), total)
