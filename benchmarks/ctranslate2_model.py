"""Writes a Transformer checkpoint as a CTranslate2 model, so that both engines run one model.

Also a command: `python -m benchmarks.ctranslate2_model CHECKPOINT DIRECTORY [--quantization int8]`.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import sentencepiece
from ctranslate2.converters.utils import fuse_linear
from ctranslate2.specs import TransformerSpec
from ctranslate2.specs.common_spec import LinearSpec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import zoo
from serving.tokenizer import tokenizer_files

# As CTranslate2's configuration names them; ids 1, 2 and 3 of every tokenizer here.
SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "decoder_start_token": "<s>",
}


def convert(checkpoint, directory, quantization=None):
    """Converts a checkpoint.

    The model adds the end token to each source by itself, as `serving.Translator` does.

    Args:
        checkpoint: checkpoint directory of a Transformer, with its tokenizer.
        directory: where to write; created.
        quantization: weight type on disk, such as "int8"; None keeps float32.

    Returns:
        The directory, a `Path`.

    Raises:
        ValueError: the model is no Transformer, or has rotary positions or an SSRU decoder.
    """
    model, _ = zoo.load_checkpoint(checkpoint)
    positions = getattr(model.config, "positions", "none")
    mixer = getattr(model.config, "decoder_mixer", "none")
    if not isinstance(model, zoo.Transformer) or positions == "rotary" or mixer != "attention":
        raise ValueError(
            f"{checkpoint}: model cannot be converted; expected a Transformer with sinusoidal or "
            f"learned positions and attention in the decoder. Received {type(model).__name__}, "
            f"positions {positions}, decoder_mixer {mixer}. Name another checkpoint."
        )
    spec = _model_spec(model)
    files = tokenizer_files(checkpoint)
    spec.register_source_vocabulary(_pieces(files[0], model.config.source_vocabulary_size))
    spec.register_target_vocabulary(_pieces(files[-1], model.config.target_vocabulary_size))
    spec.validate()
    spec.optimize(quantization)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    spec.save(str(directory))
    return directory


def _pieces(path, size):
    """The pieces of `size` ids; ids that the tokenizer lacks get a name of their own."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    known = min(size, processor.get_piece_size())
    pieces = [processor.id_to_piece(index) for index in range(known)]
    return pieces + [f"<unused{index}>" for index in range(known, size)]


def _model_spec(model):
    c = model.config
    spec = TransformerSpec.from_config(
        (c.encoder_layers, c.decoder_layers), c.num_heads, pre_norm=c.norm == "pre"
    )
    for name, value in SPECIAL_TOKENS.items():
        setattr(spec.config, name, value)
    spec.config.add_source_eos = True
    spec.config.layer_norm_epsilon = model.encoder_blocks[0].self_norm.epsilon

    encoder, decoder = spec.encoder, spec.decoder
    _embed(encoder, encoder.embeddings[0], model.source_embedding, model.source_positions)
    _embed(decoder, decoder.embeddings, model.target_embedding, model.target_positions)
    for layer, block in zip(encoder.layer, model.encoder_blocks, strict=True):
        _self_attention(layer.self_attention, block)
        _feedforward(layer.ffn, block)
    for layer, block in zip(decoder.layer, model.decoder_blocks, strict=True):
        _self_attention(layer.self_attention, block)
        _cross_attention(layer.attention, block)
        _feedforward(layer.ffn, block)
    if c.norm == "pre":
        _norm(encoder.layer_norm, model.encoder_norm)
        _norm(decoder.layer_norm, model.decoder_norm)
    _output(decoder.projection, model)
    return spec


def _array(weight):
    return np.ascontiguousarray(np.asarray(weight, "float32"))


def _embed(spec, embeddings_spec, embedding, positions):
    spec.scale_embeddings = True  # times √D, which is what `Transformer` gives its embeddings
    embeddings_spec.weight = _array(embedding.embeddings)
    # Without explicit rows CTranslate2 would start at position 1.
    spec.position_encodings.encodings = _array(positions._table())


def _linear(spec, layer):
    spec.weight = _array(np.transpose(layer.kernel))  # (out, in)
    spec.bias = _array(layer.bias)


def _norm(spec, layer):
    spec.gamma, spec.beta = _array(layer.gamma), _array(layer.beta)


def _fused(spec, layers):
    """Several projections of one input as one, their outputs one after the other."""
    parts = [LinearSpec() for _ in layers]
    for part, layer in zip(parts, layers, strict=True):
        _linear(part, layer)
    fuse_linear(spec, parts)


def _self_attention(spec, block):
    attention = block.self_attention
    projections = (
        attention.query_projection,
        attention.key_projection,
        attention.value_projection,
    )
    _fused(spec.linear[0], projections)
    _linear(spec.linear[1], attention.output_projection)
    _norm(spec.layer_norm, block.self_norm)


def _cross_attention(spec, block):
    attention = block.cross_attention
    _linear(spec.linear[0], attention.query_projection)
    _fused(spec.linear[1], (attention.key_projection, attention.value_projection))
    _linear(spec.linear[2], attention.output_projection)
    _norm(spec.layer_norm, block.cross_norm)


def _feedforward(spec, block):
    _linear(spec.linear_0, block.expand)
    _linear(spec.linear_1, block.contract)
    _norm(spec.layer_norm, block.feedforward_norm)


def _output(spec, model):
    if model.config.tie_output:
        # Equal to the embedding, so `optimize` stores it once.
        spec.weight = _array(model.target_embedding.embeddings)
        spec.bias = _array(model.output_bias)
    else:
        _linear(spec, model.output_layer)


def main(arguments=None):
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quantization", choices=("float32", "int8"))
    options = parser.parse_args(arguments)
    try:
        convert(options.checkpoint, options.directory, options.quantization)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
