"""What the translator returns."""

from dataclasses import dataclass, field

import numpy as np

END_TOKEN = "</s>"


@dataclass(frozen=True)
class Hypothesis:
    """One candidate translation.

    Attributes:
        text: The translation.
        score: Sum of the tokens' natural log-probabilities over the length penalty; higher is
            better, and only hypotheses of the same call compare.
        tokens: The pieces. The last one is ``</s>`` when the model ended the sentence itself, and
            is not when the length limit ended it.
        attention: float32 (len(tokens), len(source_tokens)): the share of each source token in
            each target token; None when it was not asked for.
    """

    text: str
    score: float
    tokens: tuple[str, ...]
    attention: np.ndarray | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Translation:
    """The translation of one text; its own properties are those of the best hypothesis.

    Attributes:
        source: The text as given.
        source_tokens: The pieces that the model read, ``</s>`` last; empty for an empty text.
        hypotheses: Candidates, the best first: at least one, at most ``num_hypotheses``.
        truncated: Whether the text was longer than the model takes, so that its end was cut off.
        finished: False for the beginning of a translation, as ``Translator.stream`` yields it.
    """

    source: str
    source_tokens: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    truncated: bool = False
    finished: bool = True

    @property
    def text(self) -> str:
        """Text of the best hypothesis."""
        return self.hypotheses[0].text

    @property
    def score(self) -> float:
        """Score of the best hypothesis."""
        return self.hypotheses[0].score

    @property
    def tokens(self) -> tuple[str, ...]:
        """Tokens of the best hypothesis."""
        return self.hypotheses[0].tokens

    @property
    def attention(self) -> np.ndarray | None:
        """Attention of the best hypothesis, (len(tokens), len(source_tokens)) or None."""
        return self.hypotheses[0].attention
