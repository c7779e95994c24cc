"""How rows become batches, with any number of workers, and that results do not depend on it."""

import threading

import numpy as np
import pytest

from serving import Translator
from serving.batches import _plan
from serving.manifest import INT8_GRAPH, hash_files

TEXTS = [
    "the cat sleeps.",
    "나는 학교에 간다.",
    "a dog",
    "",
    "we read a book at home.",
    "책을 읽는다.",
] * 9


@pytest.mark.parametrize(
    ("rows", "batch_size", "workers", "sizes"),
    [
        (0, 32, 4, []),
        (1, 32, 4, [1]),
        (7, 32, 4, [7]),  # too few to share
        (8, 32, 4, [4, 4]),
        (16, 32, 2, [8, 8]),
        (64, 32, 2, [32, 32]),
        (96, 32, 2, [24] * 4),
        (33, 32, 1, [17, 16]),
        (100, 10, 3, [9] * 11 + [1]),
        (5, 1, 2, [1] * 5),
        (6, 2, 4, [2] * 3),
    ],
)
def test_rows_are_shared_among_the_workers(rows, batch_size, workers, sizes):
    plan = _plan(list(range(rows)), batch_size, workers)
    assert [len(batch) for batch in plan] == sizes
    assert sorted(index for batch in plan for index in batch) == list(range(rows))


def test_batches_of_one_round_are_of_equal_work():
    assert _plan(list(range(9)), 32, 2) == [[0, 2, 4, 6, 8], [1, 3, 5, 7]]


def test_batches_of_several_rounds_hold_rows_of_similar_length():
    assert _plan(list(range(8)), 2, 2) == [[0, 1], [2, 3], [4, 5], [6, 7]]


class Spy:
    """A session that notes how many runs there are at a time, and the rows of each.

    A run waits until as many as are expected have been there at the same time.
    """

    def __init__(self, session, expected):
        self.session, self.expected = session, expected
        self.changed = threading.Condition()
        self.running, self.most, self.rows = 0, 0, []

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run(self, names, feeds, run_options=None):
        with self.changed:
            self.running += 1
            self.most = max(self.most, self.running)
            self.rows.append(len(feeds["source_ids"]))
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most >= self.expected, timeout=5)
        result = self.session.run(names, feeds, run_options)
        with self.changed:
            self.running -= 1
        return result


def spied(bundle, threads, most=None, **options):
    """A translator, and the spy in it that waits for `most` runs at a time, else `threads`."""
    translator = Translator.load(bundle, threads=threads, **options)
    translator.graph.session = Spy(translator.graph.session, most or threads)
    return translator, translator.graph.session


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("beam_size", [1, 3])
def test_translations_do_not_depend_on_threads(shared_bundle, translator, threads, beam_size):
    options = {"beam_size": beam_size, "num_hypotheses": beam_size, "return_attention": True}
    expected = translator.translate(TEXTS, batch_size=4, **options)
    assert [result.text for result in expected] == TEXTS
    several, spy = spied(shared_bundle, threads)
    results = several.translate(TEXTS, batch_size=4, **options)
    assert results == expected
    for result, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result.attention, other.attention)
    assert spy.most == threads
    assert list(several.translate_iter(TEXTS, window=20, batch_size=4, **options)) == expected


def test_one_batch_is_shared_among_threads(shared_bundle):
    translator, spy = spied(shared_bundle, 2)
    results = translator.translate(TEXTS[:11])  # two are empty
    assert [result.text for result in results] == TEXTS[:11]
    assert (sorted(spy.rows), spy.most) == ([4, 5], 2)


def test_default_is_every_core(shared_bundle, monkeypatch):
    monkeypatch.setattr("serving.translator.physical_cores", lambda: 3)
    translator, spy = spied(shared_bundle, None, most=3)
    translator.translate(TEXTS, batch_size=4)
    assert spy.most == 3


def test_int8_batches_do_not_depend_on_threads(toolbox):
    directory = toolbox.bundle()
    (directory / INT8_GRAPH).write_bytes(toolbox.copying_graph())
    graphs = dict.fromkeys(["translate.onnx", INT8_GRAPH], toolbox.graph_spec())
    bundle = toolbox.bundle(graphs=graphs, files=hash_files(directory))
    seen = set()
    for threads in (1, 2, 5):
        translator, spy = spied(bundle, threads, min(threads, 3), precision="int8")
        translator.translate(TEXTS[:20], batch_size=6)
        seen.add(tuple(sorted(spy.rows)))
        assert spy.most == min(threads, 3)
    assert seen == {(5, 6, 6)}


@pytest.mark.parametrize(("name", "exact"), [("shortlist", True), ("shortlist.int8", False)])
def test_shortlist_batches_depend_on_threads_in_float32_only(toolbox, name, exact):
    directory = toolbox.bundle()
    graph = f"translate.{name}.onnx"
    (directory / graph).write_bytes(toolbox.copying_graph())
    graphs = dict.fromkeys(["translate.onnx", graph], toolbox.graph_spec())
    bundle = toolbox.bundle(graphs=graphs, files=hash_files(directory))
    precision = "float32" if exact else "int8"
    seen = set()
    for threads in (1, 5):
        translator, spy = spied(bundle, threads, precision=precision, shortlist=True)
        translator.translate(TEXTS[:20], batch_size=6)
        seen.add(tuple(sorted(spy.rows)))
    assert len(seen) == (2 if exact else 1)


def test_progress_counts_every_text(shared_bundle, capsys):
    translator, _ = spied(shared_bundle, 3)
    translator.translate(TEXTS, batch_size=4, progress=True)
    assert f"{len(TEXTS)} of {len(TEXTS)} texts (100%)" in capsys.readouterr().err


def test_error_in_a_thread_comes_out(shared_bundle):
    class OrtError(Exception):
        """As onnxruntime's: of no other class."""

    translator, spy = spied(shared_bundle, 3)
    plain = spy.session.run

    def fails(names, feeds, run_options):
        if len(spy.rows) >= 4:
            raise OrtError("out of memory")
        return plain(names, feeds, run_options)

    spy.session = type("Session", (), {"run": staticmethod(fails)})
    message = r"could not translate 4 texts with beam_size 1 \(out of memory\).* lower batch_size"
    with pytest.raises(RuntimeError, match=message):
        translator.translate(TEXTS, batch_size=4)
