"""The library of onnxruntime-extensions, which holds the SentencePiece operations."""

import ctypes
import importlib.machinery
import importlib.util
import os


def custom_ops_library():
    """Loads the library so that TensorFlow cannot disturb it.

    Both hold the same C++ symbols. If TensorFlow comes first, the library binds to TensorFlow's,
    and creating a SentencePiece operation ends the process with a segmentation fault. Linux can be
    told that a library's own symbols go first; other systems do not share symbols so.

    Returns:
        The path, for `onnxruntime.SessionOptions.register_custom_ops_library`.

    Raises:
        RuntimeError: the package is not installed.
    """
    # Not imported: that would load the library in the ordinary way, and torch if it is there.
    package = importlib.util.find_spec("onnxruntime_extensions")
    if package is None:
        raise RuntimeError(
            "export: onnxruntime-extensions is missing; expected the export extra. "
            "Received no such package. Install it: pip install onnxruntime-extensions"
        )
    library = importlib.machinery.PathFinder.find_spec(
        "_extensions_pydll", package.submodule_search_locations
    ).origin
    ctypes.CDLL(library, ctypes.DEFAULT_MODE | getattr(os, "RTLD_DEEPBIND", 0))
    return library
