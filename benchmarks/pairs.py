"""A bundle and the CTranslate2 models of its checkpoint: what both engines are opened from."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.engines import OTHER, OWN, CTranslate2Engine, OwnEngine, missing_precision
from benchmarks.worker import run_module
from serving import Manifest, Tokenizer
from serving.tokenizer import tokenizer_files


@dataclass(frozen=True)
class Penalties:
    """Length penalties: the exponent of each engine's own formula."""

    own: float
    other: float


@dataclass
class Pair:
    """One model in both engines.

    Attributes:
        name: what the tables call it.
        bundle: our bundle directory.
        converted: CTranslate2 directories by precision.
        tokenizers: files of the source and the target tokenizer.
        max_source_length: longest source in tokens, end token included.
        target: the target tokenizer.
        reasons: why our engine cannot run a precision, "" where it can.
    """

    name: str
    bundle: Path
    converted: dict[str, Path]
    tokenizers: list[Path]
    max_source_length: int
    target: Tokenizer
    reasons: dict[str, str]

    def count_tokens(self, texts):
        """Target tokens of texts, end tokens included."""
        return sum(len(row) + 1 for row in self.target.encode_batch(texts))

    def arguments(self, engine, precision, threads, penalties):
        """Keyword arguments of an engine's class, as JSON values."""
        common = {"threads": threads, "precision": precision}
        if engine == OWN:
            return {"bundle": str(self.bundle), "length_penalty": penalties.own, **common}
        return {
            "directory": str(self.converted[precision]),
            "tokenizers": [str(self.tokenizers[0]), str(self.tokenizers[-1])],
            "length_penalty": penalties.other,
            "max_source_length": self.max_source_length,
            **common,
        }

    def open(self, precision, threads, penalties):
        """Both engines, ours first."""
        return (
            OwnEngine(**self.arguments(OWN, precision, threads, penalties)),
            CTranslate2Engine(**self.arguments(OTHER, precision, threads, penalties)),
        )

    def files(self, engine, precision):
        """The files that an engine translates with."""
        if engine == OTHER:
            return [*sorted(self.converted[precision].iterdir()), *self.tokenizers]
        suffix = "" if precision == "float32" else f".{precision}"
        names = (f"translate{suffix}.onnx", f"translate_text{suffix}.onnx", "manifest.json")
        return [*(self.bundle / name for name in names), *self.tokenizers]  # weights in the second


def open_pair(name, checkpoint, bundle, precisions, scratch, advance):
    """Converts a checkpoint in every precision.

    Args:
        name: what the tables call it.
        checkpoint: checkpoint directory of a Transformer.
        bundle: bundle exported from it.
        precisions: "float32", "int8".
        scratch: directory for the converted models.
        advance: called with a description before each conversion.

    Returns:
        A `Pair`.

    Raises:
        BundleError: the bundle is incomplete or damaged.
        RuntimeError: the checkpoint cannot be converted.
    """
    bundle = Path(bundle).resolve()
    limits = Manifest.read(bundle).limits
    files = tokenizer_files(bundle)
    converted = {}
    for precision in precisions:
        advance(f"converting {name} to CTranslate2, {precision}")
        converted[precision] = scratch / f"{name}_{precision}"
        run_module(
            "ctranslate2_model",
            *(Path(checkpoint).resolve(), converted[precision], "--quantization", precision),
        )
    reasons = {precision: missing_precision(bundle, precision) for precision in precisions}
    target = Tokenizer.load(files[-1])
    return Pair(name, bundle, converted, files, limits.max_source_length, target, reasons)


def matching_penalty(length_penalty, pair, references):
    """CTranslate2's length penalty that bends scores as ours does at the usual length.

    Ours divides a score by ((5 + n) / 6)^α and CTranslate2 by n^β. Both grow alike at n tokens,
    d log / d log n, for β = α · n / (n + 5).

    Args:
        length_penalty: α.
        pair: gives the target tokenizer.
        references: reference translations, whose mean length is n.
    """
    mean = pair.count_tokens(references) / len(references)
    return round(length_penalty * mean / (mean + 5), 2)
