"""Finds out how CTranslate2's idle threads had better wait; as a command, measures one policy.

OpenMP reads the policy once, when CTranslate2 is loaded, and the best one depends on the machine:
threads that spin while they wait answer faster, and with other work on the cores several times
slower. `python -m benchmarks.wait_policy '{"arguments": {…}, "source": …, "sentences": …}'`
"""

import json
import os
import sys
import time

from benchmarks.engines import CTranslate2Engine
from benchmarks.worker import read_lines, run_module

VARIABLE = "OMP_WAIT_POLICY"
ROUNDS = 3
SENTENCES = 64


def choose(arguments, source, advance):
    """Sets the faster policy for this process; call it before CTranslate2 is imported.

    Nothing happens with one thread, or where the environment has a policy already.

    Args:
        arguments: keyword arguments of `CTranslate2Engine`.
        source: path of the source sentences.
        advance: called with a description before each measurement.
    """
    if arguments["threads"] == 1 or VARIABLE in os.environ:
        return
    request = json.dumps({"arguments": arguments, "source": str(source), "sentences": SENTENCES})
    fastest = {}
    for policy in ({}, {VARIABLE: "PASSIVE"}):
        advance(f"CTranslate2's threads, {policy or 'as they are'}")
        fastest[policy.get(VARIABLE)] = run_module("wait_policy", request, environment=policy)
    best = min(fastest, key=fastest.get)
    if best:
        os.environ[VARIABLE] = best


def measure(arguments, source, sentences):
    """Seconds of the fastest of a few runs, greedy, one sentence at a time and in batches."""
    texts = read_lines(source)[:sentences]
    engine = CTranslate2Engine(**arguments)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for batch_size in (1, 16):
            engine.translate(texts, 1, batch_size)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
