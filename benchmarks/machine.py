"""What the figures were measured on, and what else the machine was doing."""

import datetime
import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path

PACKAGES = (
    "onnxruntime",
    "ctranslate2",
    "sentencepiece",
    "sacrebleu",
    "numpy",
    "tensorflow",
    "keras",
)
BUSY_LOAD = 0.5
# Would overrule the number of threads that an engine is given.
_OVERRIDES = (
    "OMP_NUM_THREADS",
    "OMP_DYNAMIC",
    "OMP_THREAD_LIMIT",
    "MKL_NUM_THREADS",
    "MKL_DYNAMIC",
)
# Settings of CTranslate2 and of its thread pool, for the report.
_REPORTED = ("CT2_", "OMP_", "GOMP_")


def prepare_environment():
    """Leaves the number of threads to the engines; call it before NumPy is imported.

    numpy's own pool gets one thread: neither engine computes with it.
    """
    for name in _OVERRIDES:
        os.environ.pop(name, None)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def load_warning():
    """A list with a sentence when other work keeps the machine busy, else an empty one."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= BUSY_LOAD:
        return []
    return [f"Load average {load:.1f} before the start: other work makes the figures unreliable."]


def describe(command):
    """Paragraphs of Markdown: date, machine, versions, command."""
    today = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    known = {name: _version(name) for name in PACKAGES}
    versions = ", ".join(f"{name} {version}" for name, version in known.items() if version)
    lines = [
        f"- date: {today}",
        f"- machine: {summary()}",
        f"- versions: Python {platform.python_version()}, {versions}",
        f"- command: `{command}`",
    ]
    return "\n".join(lines)


def ctranslate2_environment():
    """A sentence on the settings of CTranslate2 and of its thread pool."""
    settings = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(_REPORTED)]
    return f"CTranslate2's environment: {', '.join(settings) or 'nothing set'}."


def summary():
    """Processor, cores and system in a few words."""
    system = f"{platform.system()} {platform.release()}"
    return f"{_cpu_model()}, {os.cpu_count()} cores, {system}"


def _cpu_model():
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


class OtherWork:
    """What other processes did since this object was made (Linux; nothing is known elsewhere)."""

    def __init__(self):
        self._start = self._now()

    def describe(self):
        """A list with a sentence on the cores that were busy with other work, on average."""
        if self._start is None:
            return []
        before, after = self._start, self._now()
        busy, own, wall = (b - a for a, b in zip(before, after, strict=True))
        cores = max(busy - own, 0.0) / wall
        return [f"Other work during the timing kept {cores:.2f} cores busy on average."]

    @staticmethod
    def _now():
        """(busy CPU seconds of the machine, CPU seconds of this process, wall clock)."""
        path = Path("/proc/stat")
        if not path.is_file() or sys.platform != "linux":
            return None
        ticks = [int(field) for field in path.read_text().split("\n", 1)[0].split()[1:9]]
        user, nice, system, _idle, _wait, irq, softirq, steal = ticks
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return busy, time.process_time(), time.perf_counter()
