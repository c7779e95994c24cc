"""Configurations and presets: every problem is told, and at once."""

import dataclasses

import pytest

import zoo
from zoo.config import (
    BahdanauConfig,
    LuongConfig,
    ModelConfig,
    Seq2SeqConfig,
    TransformerConfig,
)

SIZES = {"source_vocabulary_size": 8, "target_vocabulary_size": 9}
CONFIGS = (Seq2SeqConfig, BahdanauConfig, LuongConfig, TransformerConfig)


def _problems(cls, **fields):
    with pytest.raises(ValueError, match=cls.__name__) as error:
        cls(**{**SIZES, **fields})
    return str(error.value).split("\n")


@pytest.mark.parametrize("cls", CONFIGS)
def test_configuration_survives_a_round_trip(cls):
    config = cls(**SIZES, dropout=0.3, max_source_length=7)
    assert cls(**config.to_dict()) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.dropout = 0.5


def test_all_problems_are_told_at_once():
    lines = _problems(
        LuongConfig,
        source_vocabulary_size=0,
        units=2.5,
        dropout=1.0,
        cell="rnn",
        score="cosine",
        window="local",
    )
    assert lines == [
        "LuongConfig: source_vocabulary_size must be a whole number of at least 1. Received 0.",
        "LuongConfig: units must be a whole number of at least 1. Received 2.5.",
        "LuongConfig: dropout must lie in [0, 1). Received 1.0.",
        "LuongConfig: cell is unknown; expected one of gru, lstm. Received 'rnn'.",
        "LuongConfig: score is unknown; expected one of dot, general, concat, location. "
        "Received 'cosine'.",
        "LuongConfig: window is unknown; expected one of global, local_m, local_p. "
        "Received 'local'.",
    ]


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_dropout_must_be_a_share(dropout):
    assert "dropout must lie in [0, 1)" in _problems(Seq2SeqConfig, dropout=dropout)[0]
    [problem] = _problems(TransformerConfig, inner_dropout=dropout)
    assert "inner_dropout must lie in [0, 1)" in problem


def test_word_is_not_true_or_false():
    [problem] = _problems(LuongConfig, input_feeding="False")
    assert problem.endswith("input_feeding must be true or false. Received 'False'.")


def test_fields_may_be_annotated_with_strings():
    """As in a module that imports annotations from __future__."""
    fields = [("depth", "int", 2), ("loud", "bool", False)]
    made = dataclasses.make_dataclass("C", fields, bases=(ModelConfig,), frozen=True, kw_only=True)
    assert len(_problems(made, depth=0, loud="no")) == 2


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"width": 10, "num_heads": 4}, "width must be a multiple of num_heads"),
        ({"width": 6, "num_heads": 2, "positions": "rotary"}, "width / num_heads must be even"),
        ({"share_embeddings": True}, "share_embeddings needs one joint vocabulary"),
        ({"norm": "between"}, "norm is unknown; expected one of pre, post"),
        ({"positions": "none"}, "positions is unknown; expected one of sinusoidal, learned"),
        ({"decoder_mixer": "gru"}, "decoder_mixer is unknown; expected one of attention, ssru"),
    ],
)
def test_transformer_refuses_what_does_not_fit(fields, problem):
    (line,) = _problems(TransformerConfig, **fields)
    assert problem in line


def test_dot_needs_keys_as_wide_as_queries():
    (line,) = _problems(LuongConfig, score="dot")
    assert "Set bidirectional to false" in line
    LuongConfig(
        source_vocabulary_size=9, target_vocabulary_size=9, score="dot", bidirectional=False
    )


@pytest.mark.parametrize("size", [1, 3])
def test_vocabulary_holds_the_special_ids(size):
    (line,) = _problems(LuongConfig, source_vocabulary_size=size)
    assert "source_vocabulary_size must be at least 4" in line


@pytest.mark.parametrize("cls", [Seq2SeqConfig, BahdanauConfig])
def test_unknown_cell_is_refused(cls):
    assert "cell is unknown" in _problems(cls, cell="rnn")[0]


def test_presets_are_listed_by_family_and_sound():
    names = zoo.list_presets()
    assert names == [
        "seq2seq_tiny",
        "seq2seq_small",
        "bahdanau_tiny",
        "bahdanau_small",
        "luong_tiny",
        "luong_small",
        "transformer_tiny",
        "transformer_tiny_shallow",
        "transformer_tiny_ssru",
        "transformer_small",
        "transformer_base",
    ]
    for name in names:
        preset = zoo.PRESETS[name]
        preset.config_class(**SIZES, **preset.settings)
        assert preset.description
        assert preset.paper


def test_build_makes_the_presets_model_with_overrides():
    model = zoo.build(
        "luong_tiny",
        vocabulary_size=8,
        embedding_width=4,
        units=4,
        score="dot",
        bidirectional=False,
    )
    assert isinstance(model, zoo.Luong)
    assert model.config.target_vocabulary_size == 8
    assert (model.config.units, model.config.score, model.config.dropout) == (4, "dot", 0.2)
    assert all(weight.shape for weight in model.weights if "seed" not in weight.path)


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match=r"preset is unknown; expected one of seq2seq_tiny.*'lu'"):
        zoo.build("lu", vocabulary_size=8)
    with pytest.raises(ValueError, match=r"Luong.from_preset: preset 'seq2seq_tiny' is no preset"):
        zoo.Luong.from_preset("seq2seq_tiny", vocabulary_size=8)
