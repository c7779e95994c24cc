"""Lines of UTF-8 text, as every command reads them."""

from collections.abc import Iterator
from typing import BinaryIO


def decode_lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """Yields the lines of a stream without their line ends.

    Only a line feed ends a line, whatever other separators the text holds. A byte order mark at the
    beginning is left out.

    Args:
        stream: Opened for reading bytes.
        name: What people call it, for errors.

    Raises:
        ValueError: A line is not UTF-8; names it.
    """
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: line {number} is not UTF-8 ({error.reason}). Convert it first."
            ) from error
        yield text.rstrip("\r\n")
