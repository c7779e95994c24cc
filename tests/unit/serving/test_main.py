"""The command line, mostly in this process; few subprocesses, since each costs a second."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving import Translator
from serving.commands import _format_ranked, main
from serving.lines import decode_lines
from serving.manifest import hash_files
from serving.translation import Hypothesis, Translation

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command in this process: returns exit status, standard output, standard error."""

    def run_command(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_command


def test_translate_writes_one_line_per_line(run, shared_bundle):
    lines = "a dog\n\n나는 학교에 간다.\r\n   \nthe cat".encode()
    status, output, errors = run("translate", shared_bundle, "--threads", 1, stdin=lines)
    assert status == 0
    assert output == "a dog\n\n나는 학교에 간다.\n\nthe cat\n"
    assert errors == ""


def test_translate_of_nothing_writes_nothing(run, shared_bundle):
    assert run("translate", shared_bundle) == (0, "", "")


def test_lines_end_at_line_feeds_only():
    stream = io.BytesIO("\ufeffone\r\n\ufefftwo\u2028still two\n\nlast".encode())
    assert list(decode_lines(stream, "it")) == ["one", "\ufefftwo\u2028still two", "", "last"]


def test_line_breaks_in_a_translation_become_spaces():
    result = Translation("x", (), (Hypothesis("one\n two\tthree\u2028", -1.0, ()),))
    assert _format_ranked(1, result) == "1\t1\t-1.0000\tone two three\n"


def test_translate_writes_scores(run, shared_bundle):
    options = ["--scores", "--beam-size", 2, "--length-penalty", 0.5, "--max-length", 9]
    output = run("translate", shared_bundle, *options, stdin=b"a dog\n\n")[1]
    assert output == "-9020.5000\ta dog\n0.0000\t\n"


def test_translate_writes_ranked_hypotheses(run, shared_bundle):
    options = ["--num-hypotheses", 2, "--beam-size", 2, "--length-penalty", 0]
    output = run("translate", shared_bundle, *options, stdin=b"a dog\n\n")[1]
    assert output == ("1\t1\t-20.0000\ta dog\n1\t2\t-21.0000\ta dog\n2\t1\t0.0000\t\n")


def test_decoding_options_reach_the_graph(run, shared_bundle):
    options = ["--coverage-penalty", 2, "--no-repeat-ngram", 5, "--suppress", "a", "--suppress"]
    options += ["<unk>", "--attention-layer", 6, "--attention-head", -1, "--scores"]
    output = run("translate", shared_bundle, *options, stdin=b"a dog\n")[1]
    a = Translator.load(shared_bundle).target_tokenizer.piece_id("▁a")
    assert output == f"-{0.6 + 10 + 2 + 5 + a + 3 + 6 - 1 + 2:.4f}\ta dog\n"
    status, output, _ = run("attend", shared_bundle, "a dog", *options[:-1])
    assert (status, output.splitlines()[0]) == (0, "a dog")


def test_model_of_the_package_is_found_by_its_name(run, toolbox, tmp_path, monkeypatch):
    monkeypatch.setattr("serving.pretrained._MODELS", tmp_path / "models")
    about = {"scores": "BLEU 30", "licence": "CC BY 4.0"}
    (tmp_path / "models" / "unfinished").mkdir(parents=True)
    toolbox.bundle("models/ko-en", about=about)
    status, output, _ = run("models")
    assert status == 0
    assert re.match(r"ko-en +\d\.\d MB  float32  \S+ko-en\nScores, limits and licence", output)
    assert run("translate", "ko-en", stdin=b"a dog\n")[:2] == (0, "a dog\n")
    assert run("attend", "ko-en", "a dog")[0] == 0
    status, output, _ = run("info", "ko-en")
    assert (status, "BLEU 30" in output, "CC BY 4.0" in output) == (0, True, True)
    assert Translator.load("ko-en", threads=1).manifest.about == about
    status, _, errors = run("translate", "unfinished", stdin=b"a dog\n")
    assert status == 2
    assert "`python -m serving models`" in errors

    monkeypatch.chdir(tmp_path)
    (tmp_path / "ko-en").mkdir()
    assert "hides the model ko-en of the package" in run("translate", "ko-en")[2]
    own = toolbox.bundle("ko-en", about={"licence": "mine"})
    assert own.is_dir()
    assert Translator.load("ko-en", threads=1).manifest.about == {"licence": "mine"}


def test_precision_chooses_the_graph(run, toolbox):
    directory = toolbox.bundle()
    (directory / "translate.int8.onnx").write_bytes(toolbox.copying_graph(("beam_size",)))
    spec = toolbox.graph_spec
    graphs = {"translate.onnx": spec(), "translate.int8.onnx": spec(("beam_size",))}
    bundle = toolbox.bundle(graphs=graphs, files=hash_files(directory))
    for precision, status in (("float32", 0), ("int8", 2)):
        options = ["--precision", precision, "--beam-size", 2]
        found = run("translate", bundle, *options, stdin=b"a dog\n")
        assert found[0] == status
        assert ("beam_size cannot be changed" in found[2]) == (precision == "int8")
        assert run("attend", bundle, "a dog", "--precision", precision)[0] == 0
    output = run("info", bundle)[1]
    assert "graphs     translate.int8.onnx, translate.onnx\n" in output
    assert "precision  float32, int8\n" in output


def test_shortlist_chooses_the_graph(run, toolbox):
    directory = toolbox.bundle()
    for name, lacks in (("shortlist", "beam_size"), ("shortlist.int8", "length_penalty")):
        content = toolbox.copying_graph((lacks,))
        (directory / f"translate.{name}.onnx").write_bytes(content)
    spec = toolbox.graph_spec
    graphs = {
        "translate.onnx": spec(),
        "translate.shortlist.onnx": spec(("beam_size",)),
        "translate.shortlist.int8.onnx": spec(("length_penalty",)),
    }
    bundle = toolbox.bundle(graphs=graphs, files=hash_files(directory))
    options = ["--beam-size", 2, "--length-penalty", 1]
    for chosen, problem in (
        ([], None),
        (["--shortlist"], "beam_size cannot be changed"),
        (["--shortlist", "--precision", "int8"], "length_penalty cannot be changed"),
    ):
        status, _, errors = run("translate", bundle, *options, *chosen, stdin=b"a dog\n")
        assert status == (2 if problem else 0)
        assert problem is None or problem in errors
    assert "precision  float32\n" in run("info", bundle)[1]


class Chunks(io.StringIO):
    """A stream that remembers what each flush sent."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def reconfigure(self, **_):
        pass

    def flush(self):
        self.sent.append(self.getvalue()[sum(map(len, self.sent)) :])


def test_stream_writes_lines_while_they_grow(monkeypatch, shared_bundle):
    def stream(self, text, **options):
        assert options["no_repeat_ngram"] == 3
        for part in (" one ", " one two\n", " one two\nthree"):
            hypothesis = Hypothesis(f"{part}{text}" if part.endswith("three") else part, -1.0, ())
            finished = part.endswith("three")
            yield Translation(text, (), (hypothesis,), truncated=True, finished=finished)

    output = Chunks()
    monkeypatch.setattr(Translator, "stream", stream)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x\ny\n")))
    monkeypatch.setattr(sys, "stdout", output)
    assert main(["translate", str(shared_bundle), "--stream", "--no-repeat-ngram", "3"]) == 0
    line = ["one", " two", " three{}\n"]
    assert [part for part in output.sent if part] == [
        part.format(text) for text in "xy" for part in line
    ]


def test_stream_equals_greedy_translation(run, shared_bundle):
    lines = "a dog\n\n나는 학교에 간다.\n".encode()
    options = ["--stream", "--max-length", 4]  # one run, which this graph can do
    assert run("translate", shared_bundle, *options, stdin=lines) == (0, lines.decode(), "")


def test_translate_warns_about_lines_that_were_cut(run, shared_bundle):
    _, output, errors = run("translate", shared_bundle, stdin=b"cat " * 60 + b"\na dog\n")
    assert len(output.splitlines()) == 2
    assert "lines longer than 24 tokens were cut off: 1." in errors
    lines = b"a dog\n" + (b"cat " * 60 + b"\n") * 9
    errors = run("translate", shared_bundle, stdin=lines)[2]
    assert "were cut off: 2, 3, 4, 5, 6, 7, 8, 9 and 1 more." in errors


def test_closed_input_is_one_line(run, shared_bundle, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["translate", str(shared_bundle)]) == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_checkpoint_is_told_from_a_bundle(run, tmp_path):
    (tmp_path / "model.weights.h5").write_bytes(b"")
    errors = run("translate", tmp_path)[2]
    assert f"This is a checkpoint: export it, `python -m export {tmp_path} BUNDLE`" in errors


def test_remedy_for_a_missing_precision_is_another_one(run, toolbox):
    assert "or use float32" in run("translate", toolbox.bundle(), "--precision", "int8")[2]
    int8 = {"translate.int8.onnx": toolbox.graph_spec()}
    directory = toolbox.bundle("int8")
    (directory / "translate.onnx").rename(directory / "translate.int8.onnx")
    bundle = toolbox.bundle("int8", graphs=int8, files=hash_files(directory))
    assert "Use int8" in run("translate", bundle, "--precision", "float32")[2]


def test_stream_has_one_hypothesis(run, shared_bundle):
    options = ["--stream", "--num-hypotheses", 2]
    errors = run("translate", shared_bundle, *options, stdin=b"a\n")[2]
    assert "num_hypotheses must be 1" in errors
    assert "beam_size" not in errors


def test_beam_has_a_limit(run, shared_bundle):
    errors = run("translate", shared_bundle, "--beam-size", 100_000, stdin=b"a\n")[2]
    assert "beam_size" in errors
    assert "256" in errors


@pytest.mark.parametrize("options", [[], ["--window", 1], ["--stream"]])
def test_translate_names_the_line_that_is_no_utf8(run, shared_bundle, options):
    lines = b"a dog\nthe cat\n\xff\xfe\na dog\n"
    status, output, errors = run("translate", shared_bundle, *options, stdin=lines)
    assert status == 2
    assert output == "a dog\nthe cat\n"  # nothing that was read before is lost
    assert errors.startswith("error: standard input: line 3 is not UTF-8")


@pytest.mark.parametrize("package", ["numpy", "onnxruntime"])
def test_missing_package_is_one_line_with_the_remedy(tmp_path, package):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('no', name='{package}')")
    result = subprocess.run(
        [sys.executable, "-m", "serving", "translate", "ko-en"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    expected = f"error: {package} is not installed; expected the extra for serving"
    assert result.stderr.startswith(expected)
    assert result.stderr.count("\n") == 1


def test_attend_prints_translation_and_map(run, shared_bundle, tmp_path):
    png = tmp_path / "map.png"
    status, output, _ = run("attend", shared_bundle, "나는 학교에 간다.", "--png", png)
    assert status == 0
    assert output.startswith("나는 학교에 간다.\n\n")
    assert "█" in output
    assert "\x1b" not in output
    assert png.read_bytes().startswith(b"\x89PNG")


def test_info_describes_the_bundle(run, shared_bundle):
    status, output, _ = run("info", shared_bundle)
    assert status == 0
    for part in ("luong_tiny", "ko to en", "24 source tokens", "2 verified", "attention-zoo 0.1.0"):
        assert part in output


def test_info_tells_licence_data_and_scores_if_the_bundle_does(run, toolbox, shared_bundle):
    about = {"licence": "MIT", "training_data": "mine (MIT)", "scores": "valid: BLEU 31.00"}
    output = run("info", toolbox.bundle(about=about))[1]
    assert "\nlicence    MIT\n" in output
    assert "\ntrained on mine (MIT)\n" in output
    assert "\nscores     valid: BLEU 31.00\n" in output
    assert "author" not in output
    assert "licence" not in run("info", shared_bundle)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["translate", "{bundle}", "--beam-size", 0], "beam_size is out of range"),
        (["translate", "{bundle}", "--window", 0], "window is out of range"),
        (["translate", "{bundle}", "--suppress", "dog"], "Received the pieces ▁, d, o, g"),
        (["translate", "{bundle}", "--precision", "int8"], "the bundle has no int8 graph"),
        (["translate", "{bundle}", "--shortlist"], "no float32 graph with a shortlist"),
        (["verify", "{bundle}", "--shortlist"], "Export it again with --shortlist"),
        (["translate", "{bundle}", "--stream", "--beam-size", 2], "beam_size must be 1"),
        (["translate", "{bundle}", "--stream", "--scores"], "Leave out --stream"),
        (["translate", "{bundle}", "--stream", "--window", 1], "--window: with --stream each line"),
        (["translate", "{bundle}", "--stream", "--batch-size", 8], "--batch-size: with --stream"),
        (["translate", "{bundle}", "--stream", "--num-hypotheses", 2], "num_hypotheses must be 1"),
        (["translate", "nowhere"], "the manifest is missing"),
        (["info", "nowhere"], "the manifest is missing"),
        (["attend", "{bundle}", "a dog", "--png", "nowhere/map.png"], "No such file"),
    ],
)
def test_errors_are_one_line_and_status_two(run, shared_bundle, arguments, message):
    arguments = [str(part).format(bundle=shared_bundle) for part in arguments]
    status, _, errors = run(*arguments, stdin=b"a dog\n")
    assert status == 2
    assert errors.startswith("error: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_several_problems_stay_on_one_line(run, toolbox):
    bundle = toolbox.bundle()
    (bundle / "translate.onnx").unlink()
    (bundle / "tokenizer.model").unlink()
    status, _, errors = run("info", bundle)
    assert status == 2
    assert "2 problems" in errors
    assert errors.count("\n") == 1


def test_module_runs_as_a_pipe(shared_bundle):
    command = [sys.executable, "-m", "serving", "translate", shared_bundle, "--threads", "1"]
    lines = "나는 학교에 간다.\na dog\n" * 600
    # An ASCII locale must not matter: the streams are UTF-8.
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run(
        command, input=lines.encode(), capture_output=True, env=environment, timeout=60
    )
    assert result.stderr == b""
    assert result.returncode == 0
    assert result.stdout.decode() == lines


def test_reader_that_goes_away_causes_no_traceback(shared_bundle):
    command = f"'{sys.executable}' -m serving translate '{shared_bundle}' --window 1 | head -n 1"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        input=b"a dog\n" * 5000,
        capture_output=True,
        cwd=REPOSITORY,
        timeout=60,
    )
    assert result.stdout == b"a dog\n"
    assert result.stderr == b""
    assert result.returncode == 141
