"""`python -m export.compare CHECKPOINT BUNDLE FILE`: parity on a whole file of sentences.

Translates each sentence with Keras, the SavedModel and the ONNX file of a bundle, by greedy search
and a beam, and counts how many get the same token ids. Sentences that differ are listed with
the difference in score.
"""

import argparse
import os
import sys
from pathlib import Path

from export.__main__ import read_lines, report_missing
from serving import standard_streams

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def compare_file(checkpoint, bundle, texts, batch_size, track):
    """Compares a bundle with its checkpoint.

    Args:
        checkpoint: checkpoint directory.
        bundle: bundle directory made from it.
        texts: source sentences; those without any piece are left out.
        batch_size: sentences translated together.
        track: function that shows progress over a sequence, given a description.

    Returns:
        A list of `Comparison`; their rows count the texts from 1, as lines of a file.

    Raises:
        ValueError: the bundle has no float32 graph, no text can be compared, or `batch_size` is
            out of range.
    """
    if batch_size < 1:
        raise ValueError(
            "batch_size is out of range; expected an integer of at least 1. "
            f"Received {batch_size}. Use 50."
        )
    import zoo
    from export import artefacts, parity
    from export.gate.translations import beam_sizes, search_name
    from export.golden import source_rows
    from serving.manifest import Manifest
    from serving.tokenizer import load_tokenizers

    manifest = Manifest.read(bundle)
    if "translate.onnx" not in manifest.graphs:
        raise ValueError(
            f"{bundle}: has no float32 graph; expected translate.onnx, which Keras can be compared "
            "with. Export without --int8-only."
        )
    source, _ = load_tokenizers(bundle)
    sizes = {line: len(source.encode(text)) for line, text in enumerate(texts, 1)}
    lines = sorted((line for line, size in sizes.items() if size), key=sizes.get)
    if not lines:
        raise ValueError(
            f"nothing to compare; expected texts to translate. Received {len(texts)} lines, all "
            "blank. Name another file."
        )
    model, _ = zoo.load_checkpoint(checkpoint)
    limit, family = model.config.max_source_length, type(model).__name__.lower()
    found = [artefacts.SavedModelArtefact(bundle), artefacts.OnnxArtefact(bundle)]
    comparisons = []
    known = {"length_penalty": manifest.decoding.length_penalty}
    for beam_size in beam_sizes(manifest.decoding):
        results = [parity.Comparison(artefact.name, beam_size, family=family) for artefact in found]
        for start in track(range(0, len(lines), batch_size), search_name(beam_size)):
            batch = lines[start : start + batch_size]
            _, rows = source_rows(source, [texts[line - 1] for line in batch], limit)
            expected = artefacts.keras_translate(model, rows, beam_size, **known)
            for artefact, result in zip(found, results, strict=True):
                received = artefact.translate_ids(rows, beam_size)
                parity.compare(result, model, rows, expected, received, known)
        for entry in (entry for result in results for entry in result.ties + result.different):
            entry["row"] = lines[entry["row"]]
        comparisons += results
    return comparisons


def main(arguments=None):
    """Runs the command; its status is 1 when anything is out of tolerance."""
    parser = argparse.ArgumentParser(prog="python -m export.compare", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("file", type=Path, help="source sentences, one a line; .gz allowed")
    parser.add_argument("--batch-size", type=int, default=50)
    options = parser.parse_args(arguments)

    try:
        standard_streams.prepare()
        from rich.progress import track

        from export.gate.translations import search_name

        texts = read_lines(options.file)
        comparisons = compare_file(
            options.checkpoint, options.bundle, texts, options.batch_size, track
        )
    except ModuleNotFoundError as error:
        return report_missing("export.compare", error)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"export.compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("export.compare: interrupted", file=sys.stderr)
        return 130
    for item in comparisons:
        search = search_name(item.beam_size)
        same = f"{item.rows - len(item.different) - len(item.ties)} of {item.rows}"
        largest = ", ".join(
            f"{name} within {difference.largest:.1e}"
            for name, difference in sorted(item.differences.items())
        )
        print(f"Keras = {item.artefact:10} {search:6}: {same} with the same ids; {largest}")
        for kind, entries in (("tie", item.ties), ("DIFFERENT", item.different)):
            for entry in entries:
                print(
                    f"    {kind}: line {entry['row']}, hypothesis {entry['hypothesis']}, "
                    f"score {entry['score_difference']:+.2e}: {texts[entry['row'] - 1][:60]}"
                )
    problems = [problem for item in comparisons for problem in item.problems()]
    for problem in problems:
        print(f"export.compare: {problem}", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
