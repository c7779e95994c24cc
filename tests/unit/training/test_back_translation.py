"""Pairs from text in one language: which are made, and which are not trusted."""

import sys
from collections import Counter
from types import SimpleNamespace

import pytest

import serving.translator
from training import back_translation
from training.__main__ import main
from training.back_translation import back_translate, write_pairs
from training.readers import read_tsv

ENGLISH = ["the cat  sleeps", "the dog runs home", "", "the cat sleeps", "a test", "OK", "we read"]
KOREAN = {
    "the cat sleeps": "고양이가\t잔다",
    "the dog runs home": "개가 달린다",
    "OK": "OK",
    "we read": "",
}
BACK = {"고양이가 잔다": "the cat is asleep", "개가 달린다": "nothing of the kind"}


def _translate(texts):
    return [KOREAN[text] for text in texts]


def test_each_text_becomes_a_pair_once():
    [(pairs, dropped)] = back_translate(ENGLISH, _translate, held_out=["a  test"])
    assert pairs == [("고양이가 잔다", "the cat sleeps"), ("개가 달린다", "the dog runs home")]
    assert dropped == Counter({"not translated": 2, "empty": 1, "repeated": 1, "held out": 1})


def test_pairs_of_which_too_little_comes_back_are_dropped():
    options = {"again": lambda texts: [BACK[text] for text in texts], "held_out": ["a test"]}

    def made(**more):
        [block] = back_translate(ENGLISH, _translate, **options, **more)
        return block

    pairs, dropped = made()
    assert pairs == [("고양이가 잔다", "the cat sleeps")]
    assert dropped["lost on the way back"] == 1
    assert len(made(least_chrf=0)[0]) == 2
    assert len(made(least_chrf=99)[0]) == 0
    with pytest.raises(ValueError, match=r"least_chrf is out of range.* Received 101"):
        back_translate(ENGLISH, _translate, least_chrf=101, **options)


def test_blocks_know_of_each_other(monkeypatch):
    monkeypatch.setattr(back_translation, "BLOCK", 2)
    blocks = list(back_translate(ENGLISH, _translate, held_out=["a test"]))
    assert [len(pairs) for pairs, _ in blocks] == [2, 0, 0, 0]
    assert blocks[1][1] == Counter({"empty": 1, "repeated": 1})


def test_written_pairs_are_a_corpus(tmp_path):
    path = tmp_path / "new" / "pairs.tsv"
    blocks = [([("고양이", "cat")], Counter(a=1)), ([('"개"', "dog")], Counter(a=2, b=1))]
    assert write_pairs(path, blocks) == (2, Counter(a=3, b=1))
    assert [(p.source, p.target) for p in read_tsv(path, 1, 2, False)] == [
        ("고양이", "cat"),
        ('"개"', "dog"),
    ]
    with pytest.raises(ValueError, match="exists already; expected a new file"):
        write_pairs(path, [])
    assert [file.name for file in path.parent.iterdir()] == ["pairs.tsv"]


def test_file_in_the_place_of_the_directory_shows_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_pairs(tmp_path / "file" / "pairs.tsv", map(pytest.fail, ["a block was made"]))


@pytest.fixture
def bundles(monkeypatch):
    """Two models that know few sentences by heart."""
    known = {"en-ko": KOREAN, "ko-en": BACK}

    def load(name):
        translate = known[name].get
        return SimpleNamespace(
            translate=lambda texts: [
                SimpleNamespace(text=translate(text, ""), truncated=text == "the dog runs home")
                for text in texts
            ]
        )

    monkeypatch.setattr(serving.translator.Translator, "load", load)


def test_command_says_what_became_of_the_text(tmp_path, bundles, capsys):
    (tmp_path / "text.en").write_text("\n".join(ENGLISH))
    (tmp_path / "test.en").write_text("a test\n")
    arguments = [
        *("back-translate", str(tmp_path / "text.en"), "en-ko", str(tmp_path / "pairs.tsv")),
        *("--without", str(tmp_path / "test.en")),
    ]
    assert main([*arguments, "--least-chrf", "50"]) == 2
    assert "--least-chrf has nothing to measure" in capsys.readouterr().err
    assert main([*arguments, "--check", "ko-en"]) == 0
    assert (tmp_path / "pairs.tsv").read_text(encoding="utf-8") == "고양이가 잔다\tthe cat sleeps\n"
    printed = capsys.readouterr().out
    assert printed.startswith(f"1 pairs in {tmp_path / 'pairs.tsv'} (dropped: 1 empty, 1 held out")
    assert "3 not translated" in printed  # one of them was cut
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err


def test_first_mistake_leaves_nothing_in_the_way(tmp_path, bundles, capsys, monkeypatch):
    (tmp_path / "text.en").write_text("unknown\n")
    arguments = ["back-translate", str(tmp_path / "text.en"), "en-ko", str(tmp_path / "pairs.tsv")]

    def fail(_):
        raise ValueError("a mistake")

    model = SimpleNamespace(translate=fail)
    monkeypatch.setattr(serving.translator.Translator, "load", lambda _: model)
    assert main(arguments) == 2
    assert capsys.readouterr().err == "error: a mistake\n"
    assert [path.name for path in tmp_path.iterdir()] == ["text.en"]


def test_round_trip_needs_its_metric_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(ModuleNotFoundError):
        back_translate(ENGLISH, pytest.fail, again=pytest.fail)


def test_what_was_made_before_an_interruption_is_kept(tmp_path, capsys, monkeypatch):
    def translate(texts):
        if texts == ["stop"]:
            raise KeyboardInterrupt
        return [SimpleNamespace(text=KOREAN[text], truncated=False) for text in texts]

    model = SimpleNamespace(translate=translate)
    monkeypatch.setattr(serving.translator.Translator, "load", lambda _: model)
    monkeypatch.setattr(back_translation, "BLOCK", 1)
    (tmp_path / "text.en").write_text("the cat sleeps\nstop\n")
    arguments = ["back-translate", str(tmp_path / "text.en"), "en-ko", str(tmp_path / "pairs.tsv")]
    assert main(arguments) == 130
    partial = tmp_path / "pairs.tsv.partial"
    assert f"the pairs made so far are in {partial}" in capsys.readouterr().err
    assert main(arguments) == 2
    assert "pairs.tsv.partial: exists already" in capsys.readouterr().err
    assert partial.read_text(encoding="utf-8") == "고양이가 잔다\tthe cat sleeps\n"
