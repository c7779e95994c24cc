"""What every family is: a Keras model that encodes once and decodes step by step."""

import dataclasses
import difflib

import keras
import numpy as np
from keras import ops

from zoo import backend, masks, search
from zoo.presets import PRESETS
from zoo.shortlist import shortlist_state

PAD_ID, START_ID, END_ID = 0, 1, 2
_OPTION_TYPES = {
    "suppressed_ids": "int32",
    "coverage_penalty": "float32",
    "no_repeat_ngram": "int32",
    "attention_layer": "int32",
    "attention_head": "int32",
}


class TranslationModel(keras.Model):
    """Source ids and target ids in, next-token logits out; and a step function for decoding.

    The decoder contract, the same for every family. `encode` turns source ids into a *state*: a
    flat ordered dict of tensors, batch first in every entry. Entries whose name starts with
    "memory" belong to the source; decoding reads and never changes them. Those that start with
    "cache" have a row a sentence and grow (see `zoo.search`). `decode_step` maps the
    last token of each hypothesis and the state to the logits of its next token, the next state and
    the attention over the source (None for a family without attention). For B sentences and a
    beam of K it gets `(B, K)` tokens, N = B·K rows of state, sentence by sentence, and still B rows
    of memory and caches.
    `call` (teacher forcing, the whole target at once) equals scanned `decode_step`: training and
    decoding see one model.

    Args:
        config: the family's frozen configuration.

    Call arguments:
        inputs: dict of int32 `source_ids` `(B, S)`, end id included, and `target_ids` `(B, T)`,
            start id first; both padded with 0 on the right.
        training: whether dropout is on.

    Returns:
        float32 logits `(B, T, V)`: row t predicts target token t + 1.
    """

    config_class = None
    has_attention = True
    # Keyword arguments of `encode` that choose which attention `decode_step` reports.
    attention_choices = ()

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self._translate = {}

    def _create_weights(self):
        """Runs two short sentences, so that a new model has all its weights at once."""
        ids = np.ones((2, 2), "int32")
        self({"source_ids": ids, "target_ids": ids})

    def encode(self, source_ids):
        """The state before the first decode step.

        Args:
            source_ids: int32 `(B, S)`.

        Returns:
            The state, see the class.
        """
        raise NotImplementedError

    def decode_step(self, token_ids, state):
        """One decode step for each hypothesis.

        Args:
            token_ids: int32 `(B, K)`, the last token of each hypothesis; or `(B,)`, one a sentence.
            state: the state, with N rows in what changes and B rows in the memory.

        Returns:
            `(logits, state, attention)`: float32 `(N, V)`, the next state, and float32 `(N, S)`
            or None.
        """
        raise NotImplementedError

    def output_of(self, candidates):
        """The part of the output layer that a search with a shortlist needs.

        A family that has this method asks `zoo.shortlist.has_shortlist(state)` in `decode_step`,
        and if so gives `shortlist_logits` in place of its own.

        Args:
            candidates: int32 `(C,)`, target ids.

        Returns:
            `(weights, bias)`, `(D, C)` and `(C,)`: logits = x weights + bias.

        Raises:
            ValueError: this family cannot use a shortlist.
        """
        raise ValueError(
            f"{type(self).__name__}: shortlist cannot be used; expected a model with output_of. "
            "Received one without. Write that method, or leave the shortlist out."
        )

    def translate_ids(
        self,
        source_ids,
        beam_size=1,
        num_hypotheses=1,
        length_penalty=0.6,
        min_length=0,
        max_length=0,
        prefix_ids=None,
        shortlist=None,
        **options,
    ):
        """Translates a padded batch of ids; the search is the one that exported graphs run.

        Args:
            source_ids: int array `(B, S)`, end id included, padded with 0.
            beam_size: hypotheses kept, 1 is greedy.
            num_hypotheses: n, results for each sentence, at most `beam_size`.
            length_penalty: α of `zoo.search.length_norm`.
            min_length: least number of tokens, end included.
            max_length: most tokens, end included; 0 means twice the source's tokens plus 10.
            prefix_ids: int array `(B, P)` of forced first tokens, padded with 0.
            shortlist: a `zoo.shortlist.Shortlist`, to choose among its candidates only; or None.
            **options: those of `search_options` that are not named here. `suppressed_ids` and
                `no_repeat_ngram`: see `zoo.constraints.Constraints`. `coverage_penalty`: the
                weight of `zoo.search.coverage` in the score, for a family with attention.
                `attention_layer` and `attention_head`: see `Transformer.encode`.

        Returns:
            A dict of arrays: `ids` `(B, n, T)`, `lengths` `(B, n)`, `scores` `(B, n)`, and
            `attention` `(B, n, T, S)` for a family with attention.

        Raises:
            ValueError: naming every argument that is wrong: a shape, a source without tokens or
                longer than `config.max_source_length`, an id that is not in the vocabulary,
                `num_hypotheses` above `beam_size`, an option that the family lacks or that is out
                of range.
        """
        source_ids = np.asarray(source_ids, "int32")
        prefix_ids = np.asarray([[PAD_ID]] if prefix_ids is None else prefix_ids, "int32")
        problems = self._request_problems(
            source_ids, prefix_ids, beam_size, num_hypotheses, options
        )
        if problems:
            raise ValueError("\n".join(f"translate_ids: {problem}" for problem in problems))
        values = {
            "prefix_ids": prefix_ids,
            "length_penalty": np.float32(length_penalty),
            "min_length": np.int32(min_length),
            "max_length": np.int32(max_length),
            **{name: np.asarray(value, _OPTION_TYPES[name]) for name, value in options.items()},
        }
        key = (beam_size, num_hypotheses, shortlist, *values)
        if key not in self._translate:

            def run(source_ids, *tensors):
                named = dict(zip(values, tensors, strict=True))
                sizes = beam_size, num_hypotheses
                return self.search(source_ids, *sizes, shortlist=shortlist, **named)

            self._translate[key] = backend.graph_function(run)
        result = self._translate[key](source_ids, *values.values())
        return {name: ops.convert_to_numpy(value) for name, value in result.items()}

    def _request_problems(self, source_ids, prefix_ids, beam_size, num_hypotheses, options):
        longest, rows = self.config.max_source_length, len(source_ids) if source_ids.ndim else 0
        if source_ids.ndim != 2 or not np.all(np.any(source_ids != PAD_ID, axis=1)) or not rows:
            problem = (
                "source_ids has no tokens in some row, or the wrong shape; expected (B, S) with a "
                f"token in each row. Received shape {source_ids.shape}. Append the end id to each."
            )
            return [problem]
        problems = []
        if source_ids.shape[1] > longest:
            problems.append(
                f"source_ids is too wide; expected at most max_source_length {longest} columns. "
                f"Received {source_ids.shape[1]}. Split the sentence."
            )
        if prefix_ids.ndim != 2 or len(prefix_ids) not in (1, rows) or not prefix_ids.size:
            problems.append(
                f"prefix_ids has the wrong shape; expected ({rows}, P) or (1, P). Received "
                f"{prefix_ids.shape}. Pad short prefixes with 0."
            )
        for name, ids, size in (
            ("source", source_ids, self.config.source_vocabulary_size),
            ("prefix", prefix_ids, self.config.target_vocabulary_size),
        ):
            if ids.size and not 0 <= np.min(ids) <= np.max(ids) < size:
                problems.append(
                    f"{name}_ids is out of range; expected ids from 0 to {size - 1}. Received "
                    f"{np.min(ids)} to {np.max(ids)}. Encode with the model's tokenizer."
                )
        problems += self._option_problems(options)
        if not 1 <= num_hypotheses <= beam_size:
            problems.append(
                "num_hypotheses is out of range; expected a number between 1 and beam_size "
                f"{beam_size}. Received {num_hypotheses}. Raise beam_size."
            )
        return problems

    def _option_problems(self, options):
        """What is wrong with the `**options` of `translate_ids`, as sentences."""
        known = [name for name in _OPTION_TYPES if name in self.search_options]
        problems = [
            f"unknown option {name}; expected one of {', '.join(known)}. Leave it out."
            for name in sorted(options.keys() - set(known))
        ]
        suppressed = options.get("suppressed_ids", ())
        if np.ndim(suppressed) != 1:
            problems.append(
                "suppressed_ids has the wrong shape; expected one list of ids for all sentences. "
                f"Received shape {np.shape(suppressed)}. Pass a flat list, or leave it out."
            )
        return problems

    @property
    def search_options(self):
        """Names of what `search` takes beside the source, in the order of an exported graph."""
        names = ["prefix_ids", "suppressed_ids", "beam_size", "num_hypotheses", "length_penalty"]
        names += ["coverage_penalty"] * self.has_attention
        names += ["min_length", "max_length", "no_repeat_ngram", *self.attention_choices]
        return tuple(names)

    def search(
        self,
        source_ids,
        beam_size=1,
        num_hypotheses=1,
        *,
        max_length=0,
        decode_step=None,
        shortlist=None,
        **options,
    ):
        """Encode and search, on tensors: what `translate_ids` and every exported graph run.

        Args:
            source_ids: int32 `(B, S)`, a token in each row.
            beam_size: an int; or an int32 scalar tensor: the graph then holds both greedy and beam
                search, and runs the one that is asked for (TensorFlow only).
            num_hypotheses: int or int32 scalar tensor.
            max_length: int or int32 scalar tensor.
            decode_step: replaces the model's own, for example to change its logits.
            shortlist: a `zoo.shortlist.Shortlist`, or None for the whole vocabulary.
            **options: what else `search_options` names, ints and floats or scalar tensors.

        Returns:
            A dict of tensors, see `translate_ids`.

        Raises:
            ValueError: there is a shortlist, and the model has no `output_of`.
        """
        chosen = {name: options.pop(name) for name in self.attention_choices if name in options}
        state = self.encode(source_ids, **chosen)
        decode_step = decode_step or self.decode_step
        candidates = None
        if shortlist is not None:
            candidates, is_own = shortlist.candidates(
                source_ids,
                options.get("prefix_ids"),
                self.config.target_vocabulary_size,
                END_ID,
                PAD_ID,
            )
            shared, memory = shortlist_state(*self.output_of(candidates), is_own)
            state = {**state, **memory}
            decode_step = _with(shared, decode_step)
        common = {
            "candidates": candidates,
            "limits": search.length_limits(source_ids, max_length, self.config.max_target_length),
            "start_id": START_ID,
            "end_id": END_ID,
            "pad_id": PAD_ID,
            "source_mask": masks.padding_mask(source_ids) if self.has_attention else None,
            **options,
        }

        def greedy():
            return search.greedy(decode_step, state, **common)

        def beam():
            sizes = {"beam_size": beam_size, "num_hypotheses": num_hypotheses}
            return search.beam(decode_step, state, **sizes, **common)

        if isinstance(beam_size, int):
            return greedy() if beam_size == 1 else beam()
        return ops.cond(ops.equal(beam_size, 1), greedy, beam)

    def get_config(self):
        return {"config": self.config.to_dict(), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        return cls(cls.config_class(**config.pop("config")), **config)

    @classmethod
    def from_preset(cls, preset, *, vocabulary_size, target_vocabulary_size=None, **overrides):
        """A new model of this family with random weights.

        Args:
            preset: a name from `zoo.list_presets()` that belongs to this family.
            vocabulary_size: number of source ids.
            target_vocabulary_size: number of target ids; None means the same.
            **overrides: other fields of the configuration.

        Raises:
            ValueError: the preset is unknown or belongs to another family, or a field is unknown.
        """
        known = [name for name, entry in PRESETS.items() if entry.config_class is cls.config_class]
        if preset not in known:
            raise ValueError(
                f"{cls.__name__}.from_preset: preset {preset!r} is no preset of this family; "
                f"expected one of {', '.join(known)}. Use zoo.build for the other families."
            )
        names = [field.name for field in dataclasses.fields(cls.config_class)]
        for name in overrides.keys() - set(names):
            close = difflib.get_close_matches(name, names, 1)
            remedy = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(names)}."
            raise ValueError(f"{cls.__name__}.from_preset: unknown field {name}. {remedy}")
        fields = {
            "source_vocabulary_size": vocabulary_size,
            "target_vocabulary_size": target_vocabulary_size or vocabulary_size,
        }
        return cls(cls.config_class(**{**PRESETS[preset].settings, **fields, **overrides}))


def _with(shared, decode_step):
    """A `decode_step` whose state also has what belongs to no row."""
    return lambda token_ids, state: decode_step(token_ids, {**state, **shared})
