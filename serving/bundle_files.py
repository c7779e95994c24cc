"""Sizes and hashes of a bundle's files."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class FileInfo:
    """Size in bytes and SHA-256 (hexadecimal) of a file."""

    sha256: str
    bytes: int


def hash_files(directory: str | os.PathLike) -> dict[str, FileInfo]:
    """Size and SHA-256 of every file below a directory, except the manifest itself.

    Returns:
        Path relative to the directory, with forward slashes → FileInfo, sorted by path.
    """
    root = Path(directory)
    return {
        name: FileInfo(sha256=_sha256(root / name), bytes=(root / name).stat().st_size)
        for name in list_files(root)
    }


def list_files(directory: str | os.PathLike) -> list[str]:
    """Every file below a directory, except the manifest itself.

    Returns:
        Paths relative to the directory, with forward slashes, sorted.
    """
    root = Path(directory)
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST_NAME)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_problems(directory: Path, files: dict[str, FileInfo], verify: bool) -> list[str]:
    """One sentence per listed file that is outside the bundle, missing, truncated or changed.

    Args:
        directory: The bundle directory.
        files: Relative path → expected size and hash.
        verify: Whether to hash the files too.
    """
    found = (_file_problem(directory, name, info, verify) for name, info in files.items())
    return [problem for problem in found if problem is not None]


def _file_problem(directory: Path, name: str, info: FileInfo, verify: bool) -> str | None:
    again = "Copy the bundle again."
    if not _is_inside(name):
        return f"file {name!r} lies outside the bundle; expected a relative path. Do not use it."
    if not re.fullmatch("[0-9a-f]{64}", info.sha256):
        return f"file {name} has sha256 {info.sha256!r}; expected 64 hexadecimal digits. {again}"
    path = directory / name
    if not path.is_file():
        return f"file {name} is missing. {again}"
    size = path.stat().st_size
    if size != info.bytes:
        return (
            f"file {name} has the wrong size; expected {info.bytes} bytes. Received {size}. {again}"
        )
    if verify and (digest := _sha256(path)) != info.sha256:
        return (
            f"file {name} is damaged or was changed; expected sha256 {info.sha256}. "
            f"Received {digest}. {again}"
        )
    return None


def _is_inside(name: str) -> bool:
    """Whether a listed path stays in the bundle on every operating system."""
    path = PurePosixPath(name)
    plain = not any(character in name for character in "\\:\0")
    return plain and bool(path.parts) and not path.is_absolute() and ".." not in path.parts
