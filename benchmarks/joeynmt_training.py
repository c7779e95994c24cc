"""JoeyNMT on the same model, tokens and batches, in an environment of its own."""

import json
import re
import subprocess

# "Epoch 1, Step: 20, Batch Loss: …, Tokens per Sec: 1234, Lr: …"; tokens of the target
_SPEED = re.compile(r"Step:\s+(\d+),.*Tokens per Sec:\s+(\d+)")
_LOG_EVERY = 10

_TRANSFORMER = {
    "type": "transformer",
    "num_layers": 4,
    "num_heads": 4,
    "embeddings": {"embedding_dim": 128, "scale": True},
    "hidden_size": 128,
    "ff_size": 256,
    "dropout": 0.3,
    "layer_norm": "pre",
}
_RECURRENT = {"bahdanau": ("gru", "bahdanau"), "luong": ("lstm", "luong")}  # cell, attention


def _model(family):
    """The [model] part of a configuration."""
    if family == "transformer":
        sides = {"encoder": _TRANSFORMER, "decoder": _TRANSFORMER}
        return {"tied_embeddings": True, "tied_softmax": True, **sides}
    cell, attention = _RECURRENT[family]
    shared = {"type": "recurrent", "rnn_type": cell, "hidden_size": 256, "num_layers": 1}
    embeddings = {"embeddings": {"embedding_dim": 128, "scale": False}}
    return {
        "tied_embeddings": False,
        "tied_softmax": False,
        "encoder": {**shared, **embeddings, "bidirectional": True, "dropout": 0.2},
        "decoder": {
            **shared,
            **embeddings,
            "dropout": 0.2,
            "hidden_dropout": 0.2,
            "input_feeding": True,
            "init_hidden": "bridge",
            "attention": attention,
        },
    }


def write_pieces(store, tokenizers, directory):
    """Writes the pairs that we train on as pieces between spaces, so that words are our tokens."""
    import numpy as np

    rows = np.arange(len(store))
    for side, tokenizer, name in zip(("source", "target"), tokenizers, ("src", "trg"), strict=True):
        flat, counts = store.ids(side, rows)
        pieces, start = [], 0
        for count in counts.tolist():
            pieces.append(" ".join(tokenizer.pieces(flat[start : start + count])))
            start += count
        (directory / f"train.{name}").write_text("\n".join(pieces) + "\n", encoding="utf-8")
        (directory / f"dev.{name}").write_text("\n".join(pieces[:8]) + "\n", encoding="utf-8")
        vocabulary = [tokenizer.pieces([i])[0] for i in range(4, tokenizer.vocabulary_size)]
        (directory / f"vocabulary.{name}").write_text("\n".join(vocabulary) + "\n", "utf-8")


def configuration(family, directory, batch_tokens, updates):
    """JoeyNMT's configuration, as JSON, which is YAML too."""
    side = {"level": "word", "max_length": 256, "min_length": 1, "tokenizer_type": "none"}
    return {
        "name": family,
        "joeynmt_version": "2.3.0",
        "model_dir": str(directory / "model"),
        "use_cuda": False,
        "data": {
            "train": str(directory / "train"),
            "dev": str(directory / "dev"),
            "dataset_type": "plain",
            "src": {**side, "lang": "src", "voc_file": str(directory / "vocabulary.src")},
            "trg": {**side, "lang": "trg", "voc_file": str(directory / "vocabulary.trg")},
        },
        "testing": {"beam_size": 1, "batch_size": 8, "eval_metrics": ["bleu"]},
        "training": {
            "random_seed": 1,
            "optimizer": "adam",
            "adam_betas": [0.9, 0.98],
            "learning_rate": 0.0005,
            "scheduling": "warmupinversesquareroot",
            "learning_rate_warmup": 1000,
            "clip_grad_norm": 1.0,
            "loss": "crossentropy",
            "label_smoothing": 0.1,
            "normalization": "tokens",
            "batch_size": batch_tokens,
            "batch_type": "token",
            "epochs": 1000,
            "updates": updates,
            "validation_freq": 10 * updates,
            "logging_freq": _LOG_EVERY,
            "early_stopping_metric": "loss",
            "overwrite": True,
            "shuffle": True,
            "print_valid_sents": [0],
            "keep_best_ckpts": 1,
        },
        "model": {"initializer": "xavier_uniform", **_model(family)},
    }


def versions(python):
    """What is installed in JoeyNMT's environment, in a few words."""
    code = "from importlib.metadata import version as v; print(v('joeynmt'), v('torch'))"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return "JoeyNMT {}, torch {}".format(*done.stdout.split())


def tokens_per_second(python, family, directory, batch_tokens, updates, warmup):
    """Target tokens per second, data loading included, of the updates after `warmup`.

    Args:
        python: interpreter of an environment with JoeyNMT.
        directory: where `write_pieces` wrote.
    """
    file = directory / f"{family}.yaml"
    file.write_text(json.dumps(configuration(family, directory, batch_tokens, updates), indent=1))
    done = subprocess.run(
        [python, "-m", "joeynmt", "train", str(file), "--skip-test"], capture_output=True, text=True
    )
    speeds = [(int(step), int(rate)) for step, rate in _SPEED.findall(done.stdout + done.stderr)]
    rates = [rate for step, rate in speeds if step > warmup]
    if done.returncode or not rates:
        raise RuntimeError(f"JoeyNMT: {done.stderr[-2000:]}")
    return len(rates) / sum(1 / rate for rate in rates)  # equal numbers of updates, nearly tokens
