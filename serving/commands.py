"""Command line: translate a stream, show attention, verify or describe a bundle.

``python -m serving translate BUNDLE < in.txt > out.txt`` writes one line per input line. With
``--num-hypotheses`` above 1 it writes one line per hypothesis, best first, of four columns between
tabs: input line number (from 1), rank (from 1), score, text. An empty input line has one.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

from serving import standard_streams
from serving.heatmap import render_text, save_png
from serving.lines import decode_lines
from serving.manifest import Manifest
from serving.pretrained import find_bundle, pretrained_models
from serving.translation import Translation

_LINES_NAMED = 8  # of those that were cut off
_BUNDLE = "directory that the exporter wrote, or the name of a model: see `models`"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit status: 0, 2 after an error, 130 when interrupted, 141 when the reader of the
        output went away.
    """
    options = _parser().parse_args(arguments)
    try:
        standard_streams.prepare()
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return standard_streams.reader_left()
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError:
        raise  # `python -m serving` names the remedy
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description="Serve a bundle.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    translate = commands.add_parser(
        "translate",
        help="translate lines from standard input to standard output",
        description="One output line per input line, UTF-8. With --num-hypotheses above 1: a line "
        "per hypothesis with line number, rank, score and text between tabs.",
    )
    _add_bundle(translate)
    _add_search(translate)
    translate.add_argument("--num-hypotheses", type=int, metavar="N", help="at most --beam-size")
    translate.add_argument("--batch-size", type=int, metavar="N", help="default 32")
    translate.add_argument(
        "--window",
        type=int,
        metavar="N",
        help="lines read before any is written (default 1024; 1 when standard input is a terminal)",
    )
    translate.add_argument("--scores", action="store_true", help="write score, tab, text")
    translate.add_argument(
        "--stream", action="store_true", help="write each line while it grows; greedy search only"
    )
    translate.set_defaults(run=_translate)

    attend = commands.add_parser("attend", help="translate one sentence and show its attention")
    _add_bundle(attend)
    attend.add_argument("sentence")
    _add_search(attend)
    attend.add_argument("--png", metavar="FILE", help="also draw a PNG")
    attend.add_argument("--no-color", action="store_true", help="shade with characters")
    attend.set_defaults(run=_attend)

    verify = commands.add_parser("verify", help="prove a bundle: files and golden translations")
    _add_bundle(verify)
    verify.set_defaults(run=_verify)

    info = commands.add_parser("info", help="check a bundle's files and describe it")
    info.add_argument("bundle", help=_BUNDLE)
    info.set_defaults(run=_info)

    models = commands.add_parser("models", help="list the models that come with this package")
    models.set_defaults(run=_models)
    return parser


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", help=_BUNDLE)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")
    parser.add_argument(
        "--precision",
        choices=("float32", "int8"),
        help="default: float32 where the bundle has it",
    )
    parser.add_argument(
        "--shortlist",
        action="store_true",
        help="choose among likely target tokens only, where the bundle has a shortlist: faster",
    )


def _add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("decoding", "Left out, an option is what the bundle says.")
    group.add_argument("--beam-size", type=int, metavar="N")
    group.add_argument("--length-penalty", type=float, metavar="X")
    group.add_argument("--coverage-penalty", type=float, metavar="X")
    group.add_argument("--max-length", type=int, metavar="N", help="tokens with the end token")
    group.add_argument("--no-repeat-ngram", type=int, metavar="N", help="0 allows repetition")
    group.add_argument(
        "--suppress",
        action="append",
        dest="suppressed_tokens",
        metavar="TOKEN",
        help="never use a word that is one piece, or a piece such as ▁the; may be repeated",
    )
    group.add_argument("--attention-layer", type=int, metavar="N", help="from 0; -1 is the last")
    group.add_argument(
        "--attention-head", type=int, metavar="N", help="from 0; -1 is the mean over all"
    )


def _load(options: argparse.Namespace):
    # Only here: onnxruntime takes most of the start-up time.
    from serving.translator import Translator

    return Translator.load(options.bundle, **_runtime(options))


def _runtime(options: argparse.Namespace) -> dict[str, Any]:
    names = ("device", "threads", "precision", "shortlist")
    return {name: getattr(options, name) for name in names}


def _search(options: argparse.Namespace) -> dict[str, Any]:
    # Only here: the module brings the tokenizer.
    from serving.options import SearchOptions

    given = vars(options)
    return {name: given[name] for name in SearchOptions.__annotations__ if name in given}


def _translate(options: argparse.Namespace) -> None:
    write = _write_growing if options.stream else _write_lines
    if sys.stdin is None:
        raise ValueError("standard input is closed; expected lines to translate. Redirect a file.")
    translator, errors = _load(options), []
    lines = _readable(decode_lines(sys.stdin.buffer, "standard input"), errors)
    truncated = write(translator, lines, options)
    if truncated:
        limit = translator.manifest.limits.max_source_length
        lines = ", ".join(map(str, truncated[:_LINES_NAMED]))
        more = f" and {len(truncated) - _LINES_NAMED} more" * (len(truncated) > _LINES_NAMED)
        print(
            f"warning: lines longer than {limit} tokens were cut off: {lines}{more}.",
            file=sys.stderr,
        )
    if errors:
        raise errors[0]


def _readable(lines: Iterator[str], errors: list[ValueError]) -> Iterator[str]:
    """Yields the lines before the first that cannot be read; ``errors`` gets the reason."""
    try:
        yield from lines
    except ValueError as error:
        errors.append(error)


def _write_lines(translator, lines: Iterator[str], options: argparse.Namespace) -> list[int]:
    """Returns the numbers of the lines that were too long."""
    window = options.window
    if window is None:
        window = 1 if sys.stdin.isatty() else 1024
    results = translator.translate_iter(
        lines,
        window,
        batch_size=32 if options.batch_size is None else options.batch_size,
        # A progress line and output would overwrite each other on one terminal.
        progress=False if sys.stdout.isatty() else None,
        **_search(options),
    )
    truncated = []
    for number, result in enumerate(results, start=1):
        if (options.num_hypotheses or 1) > 1:
            sys.stdout.write(_format_ranked(number, result))
        else:
            score = f"{result.score:.4f}\t" if options.scores else ""
            sys.stdout.write(f"{score}{_one_line(result.text)}\n")
        if result.truncated:
            truncated.append(number)
        if number % window == 0:
            sys.stdout.flush()
    return truncated


def _write_growing(translator, lines: Iterator[str], options: argparse.Namespace) -> list[int]:
    """Returns the numbers of the lines that were too long."""
    if options.scores:
        raise ValueError("--scores: a score is known at the end only. Leave out --stream.")
    for name in ("batch_size", "window"):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option}: with --stream each line runs alone. Leave one out.")
    truncated = []
    for number, line in enumerate(lines, start=1):
        written = 0
        for part in translator.stream(line, **_search(options)):
            text = _one_line(part.text)
            sys.stdout.write(text[written:] + "\n" * part.finished)
            sys.stdout.flush()
            written = len(text)
        if part.truncated:
            truncated.append(number)
    return truncated


def _format_ranked(number: int, result: Translation) -> str:
    return "".join(
        f"{number}\t{rank}\t{hypothesis.score:.4f}\t{_one_line(hypothesis.text)}\n"
        for rank, hypothesis in enumerate(result.hypotheses, start=1)
    )


def _one_line(text: str) -> str:
    # A translation with a line break would shift all lines after it.
    return " ".join(text.split())


def _attend(options: argparse.Namespace) -> None:
    result = _load(options).translate(options.sentence, return_attention=True, **_search(options))
    color = sys.stdout.isatty() and not options.no_color and "NO_COLOR" not in os.environ
    print(f"{result.text}\n\n{render_text(result, color=color)}")
    if result.truncated:
        print("warning: the sentence is too long; its end was cut off.", file=sys.stderr)
    if options.png:
        save_png(result, options.png)


def _verify(options: argparse.Namespace) -> None:
    from serving.verify import verify

    found = verify(options.bundle, **_runtime(options))
    line = f"{options.bundle}: all files intact, "
    if found.drift is None:
        line += f"{found.equal} golden translations equal"
    else:
        line += (
            f"{found.equal} of {found.examples} golden translations have the text of float32; "
            f"log-probabilities differ by {found.drift:.4f} a token"
        )
    print(line)


def _info(options: argparse.Namespace) -> None:
    manifest = Manifest.read(find_bundle(options.bundle))
    model, limits, decoding = manifest.model, manifest.limits, manifest.decoding
    size = sum(file.bytes for file in manifest.files.values())
    made_by = ", ".join(f"{name} {version}" for name, version in manifest.producer.items())
    about = manifest.about
    facts = {
        "model": f"{model.preset} ({model.family}), revision {model.revision[:12]}",
        "sizes": ", ".join(f"{name} {value}" for name, value in model.config.items()),
        "parameters": about.get("parameters"),
        "languages": f"{manifest.languages.source} to {manifest.languages.target}",
        "trained on": about.get("training_data"),
        "scores": about.get("scores"),
        "licence": about.get("licence"),
        "author": about.get("author"),
        "attention": "yes" if manifest.attention else "no",
        "limits": f"{limits.max_source_length} source tokens, "
        f"{limits.max_target_length} target tokens",
        "decoding": f"beam size {decoding.beam_size}, length penalty {decoding.length_penalty}",
        "graphs": ", ".join(sorted(manifest.graphs)),
        "precision": ", ".join(manifest.precisions),
        "files": f"{len(manifest.files)} verified, {size / 1e6:.1f} MB",
        "made by": made_by or "unknown",
        "format": str(manifest.format_version),
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<11}{value}")


def _models(_) -> None:
    for name, directory in pretrained_models().items():
        manifest = Manifest.read(directory, verify=False)
        size = sum(file.bytes for file in manifest.files.values())
        print(f"{name:<8}{size / 1e6:4.1f} MB  {', '.join(manifest.precisions)}  {directory}")
    print("Scores, limits and licence: README.md there, or `python -m serving info NAME`")
