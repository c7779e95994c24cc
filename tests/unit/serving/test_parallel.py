"""Several runs at the same time: order, errors, interruption."""

import os
import signal
import threading
import time

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from serving import parallel
from serving.parallel import in_order, physical_cores


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    def run(item, options):
        time.sleep(0.02 if item % 3 == 0 else 0)
        return -item

    assert list(in_order(run, range(12), workers)) == [-item for item in range(12)]


def test_runs_happen_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)

    def run(item, options):
        meeting.wait()
        return threading.get_ident()

    assert len(set(in_order(run, range(3), 3))) == 3


def test_no_more_runs_than_workers_at_a_time():
    lock, running, most = threading.Lock(), [], []

    def run(item, options):
        with lock:
            running.append(item)
            most.append(len(running))
        time.sleep(0.01)
        with lock:
            running.remove(item)

    list(in_order(run, range(12), 3))
    assert max(most) == 3


@pytest.mark.parametrize(("items", "workers"), [(3, 1), (1, 4), (0, 4)])
def test_one_worker_or_item_needs_no_thread(items, workers):
    results = list(in_order(lambda *_: threading.get_ident(), range(items), workers))
    assert results == [threading.get_ident()] * items


def test_slow_consumer_holds_the_runs_back():
    started = []

    def run(item, options):
        started.append(item)

    results = in_order(run, range(100), 2)
    next(results)
    time.sleep(0.1)
    assert len(started) <= 6
    results.close()
    assert len(started) <= 6


class Stopped(Exception):  # noqa: N818
    """What a run raises that was stopped."""


def stopping_run(started):
    """A run that ends when it is stopped, as onnxruntime's does."""

    def run(item, options):
        started.set()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if options.terminate:
                raise Stopped
            time.sleep(0.001)

    return run


def test_error_of_the_first_run_comes_out_and_stops_the_others():
    started = threading.Event()
    waits = stopping_run(started)

    def run(item, options):
        if item:
            return waits(item, options)
        started.wait(10)
        raise MemoryError("batch 0")

    begin = time.monotonic()
    with pytest.raises(MemoryError, match="batch 0"):
        list(in_order(run, range(50), 2))
    assert time.monotonic() - begin < 5


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C; a shell that starts tests in the background has none."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interruption_stops_all_runs():
    started = threading.Event()
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))  # what Ctrl-C sends
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(in_order(stopping_run(started), range(50), 2))
    assert started.is_set()
    assert time.monotonic() - begin < 5


def test_consumer_that_goes_away_stops_all_runs():
    waits = stopping_run(threading.Event())

    def run(item, options):
        return item if item < 5 else waits(item, options)

    results = in_order(run, range(50), 2)
    assert next(results) == 0
    begin = time.monotonic()
    results.close()
    assert time.monotonic() - begin < 5


def endless_session():
    """A session whose run takes longer than anyone waits."""
    scalar = {
        name: helper.make_tensor_value_info(name, kind, [])
        for name, kind in {
            "trips": TensorProto.INT64,
            "step": TensorProto.INT64,
            "go_on": TensorProto.BOOL,
            "still": TensorProto.BOOL,
            "before": TensorProto.FLOAT,
            "after": TensorProto.FLOAT,
            "end": TensorProto.FLOAT,
        }.items()
    }
    body = helper.make_graph(
        [
            helper.make_node("Sin", ["before"], ["after"]),
            helper.make_node("Identity", ["go_on"], ["still"]),
        ],
        "body",
        [scalar["step"], scalar["go_on"], scalar["before"]],
        [scalar["still"], scalar["after"]],
    )
    loop = helper.make_node("Loop", ["trips", "", "start"], ["end"], body=body)
    start = numpy_helper.from_array(np.float32(1), "start")
    graph = helper.make_graph([loop], "endless", [scalar["trips"]], [scalar["end"]], [start])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return ort.InferenceSession(model.SerializeToString())


def test_onnxruntime_stops_in_the_middle_of_a_loop(capfd):
    session = endless_session()

    started = threading.Semaphore(0)

    def run(trips, options):
        started.release()
        return session.run(None, {"trips": np.array(trips)}, options)

    results = in_order(run, [1] + [2**60] * 9, 2)
    next(results)
    for _ in range(3):
        assert started.acquire(timeout=10)
    time.sleep(0.05)  # both endless runs are inside onnxruntime
    begin = time.monotonic()
    results.close()
    assert time.monotonic() - begin < 10
    assert capfd.readouterr().err == ""


def test_cores_are_counted_once_for_all_their_threads(tmp_path, monkeypatch):
    lists = {0: "0,2\n", 1: "1,3\n", 2: "0,2\n", 3: "1,3\n"}
    monkeypatch.setattr(parallel, "_siblings", lists.get)
    monkeypatch.setattr(parallel, "_QUOTA", tmp_path / "none")
    for allowed, expected in (({0, 1, 2, 3}, 2), ({0, 2}, 1), ({0, 1}, 2), ({3}, 1)):
        monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda _, a=allowed: a, raising=False)
        assert physical_cores() == expected


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000\n", 4), ("150000 100000\n", 2), ("50000 100000\n", 1), ("900000 100000\n", 4)],
)
def test_container_is_held_to_its_share(tmp_path, monkeypatch, quota, expected):
    monkeypatch.setattr(parallel, "_siblings", str)
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(parallel, "_QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(quota)
    assert physical_cores() == expected
