"""The numbers behind docs/attention.md, section by section: `python examples/lesson.py`.

Small, and with weights as they are before any training: what is computed and in which shape, not
what a model has learned. Needs the train extra; takes seconds.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops

import zoo
from zoo.layers import BahdanauAttention, LuongAttention
from zoo.layers.masked_softmax import masked_softmax

TEXTS = np.array([[11, 12, 2]]), np.array([[*range(11, 70), 2]])  # 3 and 60 tokens; 2 ends a text


def show(label, numbers):
    """A line of numbers, two decimals each."""
    print(f"   {label:<22}", "  ".join(f"{number:5.2f}" for number in np.ravel(numbers)))


def shapes(state):
    """The shapes of what an encoder hands on, without the row of the batch."""
    return ", ".join(f"{name} {tuple(tensor.shape[1:])}" for name, tensor in state.items())


def main():
    """Prints the sections."""
    keras.utils.set_random_seed(1)
    for title, preset in (
        ("1. What crosses from the encoder to the decoder of a Seq2Seq", "seq2seq_tiny"),
        ("3. And with attention: a memory that grows, and (4.) its keys", "bahdanau_tiny"),
    ):
        print(title)
        model = zoo.build(preset, vocabulary_size=100)
        for ids in TEXTS:
            print(f"   {ids.size:2} tokens: {shapes(model.encode(ids))}")

    # One query, four source tokens, three features.
    query, memory = (keras.random.normal(shape) for shape in ((1, 1, 3), (1, 4, 3)))
    additive = BahdanauAttention(units=3)
    print("5. Scores of one query with the keys of four source tokens")
    for name, layer in (
        ("additive", additive),
        *((score, LuongAttention(score=score)) for score in ("dot", "general", "concat")),
    ):
        layer(query, memory)  # makes the weights
        scores = layer.scores(layer.project_query(query)[0], layer.project_keys(memory))
        show(name, scores)

    print("6. Softmax: shares of 1; a padded token gets none")
    _, weights = additive(query, memory, return_attention_scores=True)
    show("no padding", weights)
    scores = additive.scores(additive.project_query(query)[0], additive.project_keys(memory))
    show("the last one padding", masked_softmax(scores, [[[True, True, True, False]]]))

    print("7. The context vector: the values, each times its weight, added up")
    context = additive(query, memory)
    show("by the layer", context)
    show("by hand", sum(weights[0, 0, s] * memory[0, s] for s in range(4)))

    print("9. Why a Transformer divides by √d: softmax of dot products of random vectors")
    for width in (4, 64, 1024):
        q, keys = (keras.random.normal(shape) for shape in ((1, width), (4, width)))
        products = ops.matmul(q, ops.transpose(keys))
        show(f"d = {width}, as they are", ops.softmax(products))
        show(f"d = {width}, over √d", ops.softmax(products / np.sqrt(width)))


if __name__ == "__main__":
    main()
