"""Opening the file that a command reads."""

from io import FileIO

from streams.errors import InputError


def open_input(name: str) -> FileIO:
    """A file, or standard input for ``-``.

    Raises:
        InputError: it cannot be read.
    """
    try:
        # Unbuffered: the lock of a buffered reader would be held by the thread that still waits for a pipe at the end.
        return FileIO(0, closefd=False) if name == "-" else FileIO(name)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error
