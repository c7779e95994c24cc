"""What is timed: the same rules on both sides, and no framework that does not belong there."""

import subprocess
import sys
from pathlib import Path

import pytest
from ctranslate2 import TranslationResult

from benchmarks import wait_policy
from benchmarks.engines import CTranslate2Engine, length_limit, missing_precision, sorted_batches
from serving.rows import end_row, pad
from serving.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parents[3]


def _engine(made, **settings):
    arguments = {"threads": 1, "precision": "float32", "length_penalty": 0.5, **settings}
    return CTranslate2Engine(
        made.directory, [made.tokenizer] * 2, max_source_length=20, **arguments
    )


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_texts_are_those_of_keras_up_to_each_rows_limit(batch_size, converted, lines):
    made = converted("pre")
    tokenizer = Tokenizer.load(made.tokenizer)
    texts = [*lines, lines[0] + lines[1] + lines[2]]  # the last is longer than the model takes
    rows = [end_row(tokenizer.encode(text), 20) for text in texts]
    assert len(tokenizer.encode(texts[-1])) > 20
    ids = made.model.translate_ids(pad(rows))["ids"][:, 0]
    assert any(2 not in row for row in ids.tolist())  # a limit decides
    expected = [tokenizer.decode(row) for row in ids]
    assert _engine(made).translate(texts, 1, batch_size) == expected


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_threads_change_no_text(batch_size, converted, lines):
    made, texts = converted("pre"), ["", *lines, *lines[::-1]]
    one, two = (_engine(made, threads=threads) for threads in (1, 2))
    assert two.translate(texts, 1, batch_size) == one.translate(texts, 1, batch_size)


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (2, 3)])
def test_batches_have_a_worker_each_and_a_single_text_has_all_threads(
    batch_size, workers, converted, lines, monkeypatch
):
    engine = _engine(converted("pre"), threads=3)
    assert (engine.single.num_translators, engine.batched.num_translators) == (1, 3)
    start, used = engine._start, []

    def started(translator, rows, beam_size):
        used.append(translator.num_translators)
        found = start(translator, rows, beam_size)
        assert not isinstance(found[0], TranslationResult)  # nobody waited for it
        return found

    monkeypatch.setattr(engine, "_start", started)
    engine.translate(lines, 1, batch_size)
    assert used == [workers] * -(-len(lines) // batch_size)


def test_empty_text_stays_empty(converted):
    assert _engine(converted("pre")).translate(["", "home"], 1, 2)[0] == ""


def test_length_limit_is_the_rule_of_the_search():
    assert [length_limit(tokens) for tokens in (1, 13)] == [12, 36]


def test_sorted_batches_put_the_longest_first():
    assert sorted_batches([2, 9, 4, 9], 3) == [[1, 3, 2], [0]]


def test_precision_is_missing_without_its_file(tmp_path):
    for precision, graph in (("float32", "translate.onnx"), ("int8", "translate.int8.onnx")):
        assert missing_precision(tmp_path, precision) == f"the bundle has no {graph}"
        (tmp_path / graph).touch()
        assert missing_precision(tmp_path, precision) == ""


@pytest.mark.parametrize(
    ("spinning", "passive", "chosen"), [(1.0, 2.0, None), (2.0, 1.0, "PASSIVE")]
)
def test_faster_wait_policy_is_set(spinning, passive, chosen, monkeypatch):
    monkeypatch.setattr(
        wait_policy, "run_module", lambda *_, environment: passive if environment else spinning
    )
    environment = {}
    monkeypatch.setattr(wait_policy.os, "environ", environment)
    wait_policy.choose({"threads": 1}, "texts", lambda line: None)
    assert environment == {}
    wait_policy.choose({"threads": 2}, "texts", lambda line: None)
    assert environment.get(wait_policy.VARIABLE) == chosen


def test_timing_and_footprint_load_no_framework():
    program = (
        "import sys; import benchmarks.program, benchmarks.footprint; "
        "heavy = ('keras', 'tensorflow', 'jax', 'torch', 'zoo', 'onnxruntime', 'ctranslate2'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"
