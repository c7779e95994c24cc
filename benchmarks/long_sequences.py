"""`python benchmarks/long_sequences.py`: what a token costs when source and target grow.

Attention looks at everything so far, so a token costs more the longer its sentence is: in a
straight line. This measures it for greedy search and a beam of 4, on one thread, from 16 tokens of
source and target to 512, with models of random weights that never end a sentence early.
"""

import argparse
import os
import statistics
import sys
import time
import types
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

LENGTHS = (16, 32, 64, 128, 256, 512)
BEAM_SIZES = (1, 4)
VOCABULARY = 8000


def make_session(preset):
    """onnxruntime on the id graph of a preset whose sentences run to their limit."""
    import numpy as np
    import onnxruntime

    import zoo
    from export.graphs import TranslationModule
    from export.onnx import convert
    from export.rewrites.push_constants import push_constants
    from serving.manifest import DecodingDefaults
    from serving.session import session_options
    from zoo.models import END_ID

    model = zoo.build(
        preset,
        vocabulary_size=VOCABULARY,
        max_source_length=max(LENGTHS),
        max_target_length=max(LENGTHS),
    )
    bias = getattr(model, "output_bias", None)
    bias = model.output_layer.bias if bias is None else bias
    bias.assign(np.where(np.arange(VOCABULARY) == END_ID, -1e4, bias.numpy()))
    defaults = DecodingDefaults()
    no_tokenizer = types.SimpleNamespace(model_proto=b"")  # the id graph needs none
    module = TranslationModule(model, no_tokenizer, no_tokenizer, defaults)
    graph = push_constants(convert(module, defaults))
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
    )


def seconds_per_token(session, length, beam_size, rounds):
    """The median over some rounds, source and target of `length` tokens."""
    import numpy as np

    feeds = {
        "source_ids": np.random.default_rng(0).integers(4, VOCABULARY, (1, length)).astype("int32"),
        "beam_size": np.array(beam_size, "int32"),
        "max_length": np.array(length, "int32"),
    }
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        [lengths] = session.run(["lengths"], feeds)
        times.append(time.perf_counter() - started)
    if lengths.min() < length:
        raise RuntimeError(f"sentences ended after {lengths.min()} of {length} tokens")
    return statistics.median(times[1:]) / length


def main(arguments=None):
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=["transformer_tiny", "luong_tiny"])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)

    from rich.console import Console
    from rich.table import Table

    table = Table(title="microseconds a token, batch 1, one thread")
    for column in ("preset", "search", *(f"{length} tokens" for length in LENGTHS)):
        table.add_column(column, justify="left" if column in ("preset", "search") else "right")
    console = Console()
    for preset in options.presets:
        with console.status(f"exporting {preset}"):
            session = make_session(preset)
        for beam_size in BEAM_SIZES:
            with console.status(f"{preset}, beam {beam_size}"):
                costs = [
                    1e6 * seconds_per_token(session, length, beam_size, options.rounds)
                    for length in LENGTHS
                ]
            search = "greedy" if beam_size == 1 else f"beam {beam_size}"
            table.add_row(preset, search, *(f"{cost:.0f}" for cost in costs))
    console.print(table)


if __name__ == "__main__":
    main()
