"""A model of the package says hello; then the whole way in one go: train, export, translate, look.

Runs the project's own commands one after the other and prints each. What an earlier run has made
is kept: a finished training, an interrupted one (it goes on), an exported bundle.
"""

import hashlib
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("runs/demo")
RUN, DATA, BUNDLE = HOME / "training", HOME / "data", HOME / "bundle"
GREETINGS = (
    "그녀는 책을 읽고 있다.",
    "내일 아침 일곱 시에 깨워 줘.",
    "이 함수는 문자열의 리스트를 반환합니다.",
)
SENTENCE = "나는 오늘 아침에 사과를 먹었다"
NUM_SHOWN = 8
# What TensorFlow 2.21 says at every start, whatever its log level.
CHATTER = re.compile(r"^([IWE]0000 |WARNING: All log messages before absl)")


def run(*arguments, text=None):
    """Prints a command and runs it; stops the demo when it fails.

    Args:
        *arguments: of the Python interpreter.
        text: standard input; what the command prints is then returned, not shown.
    """
    print(f"\n$ python {shlex.join(map(str, arguments))}", flush=True)
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=None if text is None else subprocess.PIPE,
        stdout=None if text is None else subprocess.PIPE,
        stderr=subprocess.PIPE if text is None else None,
        text=True,
        encoding="utf-8",
    )
    output = None
    if text is None:
        for line in process.stderr:
            if not CHATTER.match(line):
                print(line, end="", file=sys.stderr, flush=True)
        process.wait()
    else:
        output, _ = process.communicate(text)
    if process.returncode:
        sys.exit(process.returncode)
    return output


def train():
    """Trains, goes on with an interrupted training, or keeps a finished one."""
    if (RUN / "final" / "config.json").exists():
        print(f"\n{RUN}/final is there: training is done (delete {HOME} to start again)")
    elif (RUN / "recipe.toml").exists():
        run("-m", "training", "resume", RUN)
    else:
        run("-m", "training", "train", "phrasebook", "--data", DATA, "--run", RUN)


def export():
    """Exports, unless the bundle was made from these very weights."""
    weights = hashlib.sha256((RUN / "final" / "model.weights.h5").read_bytes()).hexdigest()
    manifest = BUNDLE / "manifest.json"
    if manifest.exists() and json.loads(manifest.read_text())["model"]["revision"] == weights:
        print(f"\n{BUNDLE} is there and up to date")
    else:
        run("-m", "export", RUN / "final", BUNDLE, "--overwrite")


def show(bundle, lines):
    """Prints sentences with their translations by onnxruntime."""
    output = run("-m", "serving", "translate", bundle, text="\n".join(lines))
    for korean, english in zip(lines, output.splitlines(), strict=True):
        print(f"  {korean}\n    → {english}")


def translate():
    """Prints held-out sentences with their translations by onnxruntime, and the BLEU of all."""
    source, reference = DATA / "test.ko", DATA / "test.en"
    run("-m", "training", "evaluate", BUNDLE, "--source", source, "--reference", reference)
    lines = source.read_text(encoding="utf-8").splitlines()[:NUM_SHOWN]
    show(BUNDLE, lines)


def main():
    """Runs all steps and says how long they took."""
    started = time.perf_counter()
    HOME.mkdir(parents=True, exist_ok=True)
    print("A model that comes with the package:")
    show("ko-en", GREETINGS)
    print("\nAnd now one that you train yourself, on an embedded phrasebook:", flush=True)
    train()
    export()
    translate()
    run("-m", "serving", "attend", BUNDLE, SENTENCE, "--png", HOME / "attention.png")
    seconds = time.perf_counter() - started
    print(f"\nDone in {seconds:.0f} s. Checkpoint, bundle and heat map are in {HOME}.")


if __name__ == "__main__":
    main()
