"""Start, first sentence and memory of one engine in a process of its own; prints JSON.

`python -m benchmarks.footprint '{"engine": …, "arguments": {…}, "source": …, "sentences": …}'`
"""

import json
import resource
import sys
import time
from pathlib import Path

from benchmarks import engines
from benchmarks.worker import read_lines

_CLASSES = {engines.OWN: engines.OwnEngine, engines.OTHER: engines.CTranslate2Engine}


def measure(engine, arguments, source, sentences):
    """Loads an engine and translates; meaningful in a fresh process only.

    Args:
        engine: `engines.OWN` or `engines.OTHER`.
        arguments: keyword arguments of its class.
        source: file of source sentences.
        sentences: how many are translated, greedily, 16 at a time.

    Returns:
        A dict: `start` in seconds (imports and loading), `first` in seconds, `peak` in bytes (all
        memory of the process), `frameworks` that came along.
    """
    texts = read_lines(source, sentences)
    started = time.perf_counter()
    loaded = _CLASSES[engine](**arguments)
    ready = time.perf_counter()
    loaded.translate(texts[:1], 1, 1)
    first = time.perf_counter()
    loaded.translate(texts, 1, 16)
    heavy = [name for name in ("tensorflow", "keras", "torch") if name in sys.modules]
    return {
        "start": ready - started,
        "first": first - ready,
        "peak": _peak_bytes(),
        "frameworks": heavy,
    }


def _peak_bytes():
    # Not ru_maxrss where it can be helped: on Linux that begins with the parent's memory.
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
