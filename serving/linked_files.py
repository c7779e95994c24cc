"""A graph whose weights lie in a file beside it, where one of the two is a symbolic link.

onnxruntime refuses external data behind a symbolic link, in nested graphs always. Caches of model
hubs and Kubernetes volumes are made of such links.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def plain_files(path: Path) -> Iterator[Path]:
    """Gives a path from which onnxruntime can open a graph, whatever is a symbolic link.

    That is the path itself where no link is in the way; the files that the links lead to, where
    they lie in one directory under their own names; else copies in a temporary directory, which is
    removed at the end of the ``with`` block. A session that was opened inside the block stays
    usable on Linux and macOS: removed files stay mapped. Where they cannot be removed they are
    left to the system.

    Args:
        path: The ONNX file.
    """
    files = [path, *_weight_files(path)]
    real = [file.resolve() for file in files]
    if len(files) == 1 or not any(file.is_symlink() for file in files):
        yield path
    elif all(file == real[0].parent / link.name for file, link in zip(real, files, strict=True)):
        yield real[0]
    else:
        directory = Path(tempfile.mkdtemp(prefix="bundle-"))
        try:
            for file in files:
                shutil.copyfile(file, directory / file.name)
            yield directory / path.name
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def _weight_files(path: Path) -> list[Path]:
    """Other ONNX files of the directory that the graph names: where external data may lie."""
    others = [other for other in sorted(path.parent.glob("*.onnx")) if other.name != path.name]
    if not any(file.is_symlink() for file in (path, *others)):
        return []
    content = path.read_bytes()
    return [other for other in others if other.name.encode() in content]
