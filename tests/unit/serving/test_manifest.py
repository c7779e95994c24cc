"""The manifest: what is written is read back, and whatever is wrong with a bundle is said."""

import dataclasses
import json
import pickle

import pytest

from serving.manifest import BundleError, DecodingDefaults, Limits, Manifest, hash_files


def edit(bundle, change):
    """Changes the decoded manifest in place."""
    path = bundle / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def problems_of(bundle, **options):
    with pytest.raises(BundleError) as caught:
        Manifest.read(bundle, **options)
    return caught.value.problems


def test_manifest_reads_back_what_was_written(toolbox):
    bundle = toolbox.bundle(decoding=DecodingDefaults(beam_size=4, length_penalty=1.0))
    manifest = Manifest.read(bundle)
    assert manifest.decoding.beam_size == 4
    assert manifest.limits == Limits(24, 40)
    assert manifest.graphs["translate.onnx"] == toolbox.graph_spec()
    assert manifest.files == hash_files(bundle)
    manifest.write(bundle)
    assert Manifest.read(bundle) == manifest


def test_manifest_text_has_the_documented_keys(toolbox):
    content = json.loads((toolbox.bundle() / "manifest.json").read_text(encoding="utf-8"))
    assert list(content)[:3] == ["format_version", "producer", "model"]
    assert content["special_ids"] == {"pad": 0, "start": 1, "end": 2, "unknown": 3}
    source, prefix, suppressed, beam = content["graphs"]["translate.onnx"]["inputs"][:4]
    assert source == {"name": "source_ids", "dtype": "int32", "axes": ["batch", "source"]}
    assert prefix["default"] == [[0]]
    assert suppressed["default"] == []
    assert beam == {"name": "beam_size", "dtype": "int32", "axes": [], "default": 1}


def test_hash_files_lists_nested_files_without_the_manifest(toolbox):
    bundle = toolbox.bundle()
    (bundle / "saved_model" / "1").mkdir(parents=True)
    (bundle / "saved_model" / "1" / "saved_model.pb").write_bytes(b"abc")
    files = hash_files(bundle)
    assert list(files) == ["saved_model/1/saved_model.pb", "tokenizer.model", "translate.onnx"]
    assert files["saved_model/1/saved_model.pb"].bytes == 3
    assert files["saved_model/1/saved_model.pb"].sha256.startswith("ba7816bf")


def test_what_is_said_of_the_model_reads_back(toolbox):
    bundle = toolbox.bundle(about={"licence": "CC BY 2.0 FR", "저자": "나"})
    assert Manifest.read(bundle).about == {"licence": "CC BY 2.0 FR", "저자": "나"}
    edit(bundle, lambda content: content["about"].update(scores=3))
    [problem] = problems_of(bundle)
    assert problem.startswith("about.scores has the wrong type; expected a string. Received 3.")


def test_bundle_of_a_release_that_said_nothing_of_the_model_is_read(toolbox):
    bundle = toolbox.bundle(about={"licence": "MIT"})
    edit(bundle, lambda content: content.pop("about"))
    assert Manifest.read(bundle).about == {}


def test_unknown_keys_are_tolerated(toolbox):
    bundle = toolbox.bundle()

    def add(content):
        content["license"] = "Apache-2.0"
        content["model"]["parameters"] = 5
        content["graphs"]["translate.onnx"]["inputs"][0]["comment"] = "ids"

    edit(bundle, add)
    assert Manifest.read(bundle).model.family == "luong"


def test_whole_number_is_taken_for_a_number(toolbox):
    bundle = toolbox.bundle()
    set_key("decoding", "length_penalty", 1)(bundle)
    assert Manifest.read(bundle).decoding.length_penalty == 1.0


def test_files_that_are_not_listed_are_tolerated(toolbox):
    bundle = toolbox.bundle()
    (bundle / "README.md").write_text("A model.")
    assert "README.md" not in Manifest.read(bundle).files


def test_symbolic_links_to_files_elsewhere_are_read(toolbox, tmp_path):
    bundle = toolbox.bundle()
    (bundle / "translate.onnx").rename(tmp_path / "blob")
    (bundle / "translate.onnx").symlink_to(tmp_path / "blob")
    assert Manifest.read(bundle).attention


def test_newer_format_is_the_only_problem_reported(toolbox):
    bundle = toolbox.bundle()
    edit(bundle, lambda content: content.update(format_version=3, model="new layout"))
    with pytest.raises(
        BundleError,
        match=r"manifest\.json: format_version 3 is newer than this package reads \(1\)\. "
        r"Upgrade the package, or re-export with the matching release\.",
    ):
        Manifest.read(bundle)


def change_byte(bundle):
    data = bytearray((bundle / "translate.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / "translate.onnx").write_bytes(data)


def truncate(bundle):
    data = (bundle / "translate.onnx").read_bytes()
    (bundle / "translate.onnx").write_bytes(data[:-10])


def list_file(name):
    def change(bundle):
        info = {"sha256": "0" * 64, "bytes": 1}
        edit(bundle, lambda content: content["files"].update({name: info}))

    return change


def drop_key(section, key):
    def change(bundle):
        edit(bundle, lambda content: (content[section] if section else content).pop(key))

    return change


def set_key(section, key, value):
    def change(bundle):
        edit(bundle, lambda c: (c[section] if section else c).__setitem__(key, value))

    return change


BROKEN = {
    "no manifest": (lambda b: (b / "manifest.json").unlink(), "the manifest is missing"),
    "no JSON": (lambda b: (b / "manifest.json").write_text("{,"), "the manifest is not JSON"),
    "no UTF-8": (lambda b: (b / "manifest.json").write_bytes(b"\xff"), "the manifest is not JSON"),
    "a list": (
        lambda b: (b / "manifest.json").write_text("[]"),
        "the top level has the wrong type",
    ),
    "byte changed": (change_byte, "file translate.onnx is damaged or was changed"),
    "truncated": (truncate, "file translate.onnx has the wrong size"),
    "file missing": (lambda b: (b / "tokenizer.model").unlink(), "file tokenizer.model is missing"),
    "parent path": (list_file("../secret"), "file '../secret' lies outside the bundle"),
    "inner parent": (list_file("a/../../b"), "file 'a/../../b' lies outside the bundle"),
    "absolute path": (list_file("/etc/hosts"), "file '/etc/hosts' lies outside the bundle"),
    "Windows path": (list_file("..\\secret"), "lies outside the bundle"),
    "Windows drive": (list_file("c:/secret"), "lies outside the bundle"),
    "no version": (drop_key(None, "format_version"), "format_version is missing"),
    "version zero": (set_key(None, "format_version", 0), "format_version must be at least 1"),
    "version text": (set_key(None, "format_version", "1"), "format_version has the wrong type"),
    "no limits": (drop_key(None, "limits"), "limits is missing"),
    "no files": (drop_key(None, "files"), "files is missing"),
    "no limit": (drop_key("limits", "max_source_length"), "limits.max_source_length is missing"),
    "limit of 0": (set_key("limits", "max_source_length", 0), "limits are too small"),
    "limit is true": (set_key("limits", "max_source_length", True), "expected an integer"),
    "attention is 1": (set_key(None, "attention", 1), "expected true or false. Received 1"),
    "beam of 0": (set_key("decoding", "beam_size", 0), "decoding defaults contradict"),
    "long default": (set_key("decoding", "max_length", 41), "decoding defaults contradict"),
    "infinite": (set_key("decoding", "length_penalty", float("inf")), "decoding defaults"),
    "other ids": (set_key("special_ids", "end", 3), "special_ids differ from this package's"),
    "no graph": (set_key(None, "graphs", {}), "graphs has none of translate.onnx, transl"),
    "graph a list": (
        set_key("graphs", "translate.onnx", []),
        "graphs.translate.onnx has the wrong",
    ),
    "not listed": (drop_key("files", "tokenizer.model"), "files does not list tokenizer.model"),
    "odd hash": (
        set_key("files", "tokenizer.model", {"sha256": "xyz", "bytes": 1}),
        "expected 64 hexadecimal digits",
    ),
}


@pytest.mark.parametrize(("break_it", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_bundle_is_named(toolbox, break_it, message):
    bundle = toolbox.bundle()
    break_it(bundle)
    problems = problems_of(bundle)
    assert len(problems) == 1
    assert message in problems[0]


def test_all_problems_are_listed_at_once(toolbox):
    bundle = toolbox.bundle()
    truncate(bundle)
    (bundle / "tokenizer.model").unlink()
    list_file("../secret")(bundle)
    drop_key("languages", "target")(bundle)
    set_key("model", "family", 7)(bundle)
    with pytest.raises(BundleError) as caught:
        Manifest.read(bundle)
    message = str(caught.value)
    assert "5 problems" in message
    for part in ("languages.target", "model.family", "wrong size", "is missing", "outside"):
        assert part in message


def test_unverified_read_checks_sizes_but_not_contents(toolbox):
    bundle = toolbox.bundle()
    change_byte(bundle)
    assert Manifest.read(bundle, verify=False).attention
    truncate(bundle)
    assert "wrong size" in problems_of(bundle, verify=False)[0]


@pytest.mark.parametrize(
    "values",
    [
        {"beam_size": 1, "num_hypotheses": 2},
        {"length_penalty": float("nan")},
        {"coverage_penalty": -0.5},
        {"coverage_penalty": float("inf")},
        {"no_repeat_ngram": -1},
    ],
)
def test_write_refuses_what_read_would_refuse(toolbox, tmp_path, values):
    with pytest.raises(BundleError, match="decoding defaults contradict"):
        toolbox.bundle(decoding=DecodingDefaults(**values))
    assert not (tmp_path / "bundle" / "manifest.json").exists()


def test_precisions_are_those_of_the_id_graphs(toolbox):
    manifest = Manifest.read(toolbox.bundle())
    assert manifest.precisions == ("float32",)
    both = {name: toolbox.graph_spec() for name in ("translate.int8.onnx", "translate.onnx", "x")}
    assert dataclasses.replace(manifest, graphs=both).precisions == ("float32", "int8")


def test_error_of_a_bundle_reaches_another_process():
    error = pickle.loads(pickle.dumps(BundleError("here", ["one is wrong.", "two is wrong."])))
    assert (error.where, error.problems) == ("here", ("one is wrong.", "two is wrong."))
    assert str(error) == str(BundleError("here", ["one is wrong.", "two is wrong."]))
