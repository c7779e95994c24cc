"""Tests of the embedded Korean–English phrasebook."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from training import phrasebook
from training.phrasebook import english, particles, stems
from training.phrasebook.__main__ import main
from training.phrasebook.draw import stable_hash
from training.phrasebook.grammar import SHARES, entries
from training.phrasebook.verbs import VERBS

ROOT = Path(__file__).resolve().parents[3]

# Pairs of every template, checked by hand. A change of the tables draws new sentences: replace a
# pair that went with another of its template, after reading it.
GOLDEN = """
나는 너를 사랑해 | I love you
나는 사과를 먹는다 | I eat an apple
나는 오늘 아침에 사과를 먹었다 | I ate an apple this morning
수진은 어제 저녁에 라디오를 들었다 | Sujin listened to the radio yesterday evening
우리 어머니는 토끼를 그리고 있다 | My mother is drawing a rabbit
그 남자는 그때 집에서 자고 있었다 | The man was sleeping at home then
그 남자는 매일 아침 축구를 한다 | The man plays soccer every morning
우리는 자주 집에서 기타를 친다 | We often play the guitar at home
그녀는 다음 주에 보고서를 읽을 것이다 | She will read a report next week
그들은 해변에서 수영한다 | They swim at the beach
내 친구는 한국어를 할 수 없다 | My friend cannot speak Korean
유나는 내일 아침에 창문을 닦아야 한다 | Yuna has to wipe the window tomorrow morning
그는 서점에서 저 사전을 사고 싶어 했다 | He wanted to buy that dictionary at the bookstore
그 소녀는 어제 거실을 청소하지 않았다 | The girl did not clean the living room yesterday
여자 세 명이 공원에서 운동하고 있었다 | Three women were exercising in the park
너는 어제 저녁에 문을 열었어? | Did you open the door yesterday evening?
민수는 주말마다 수학을 가르쳐? | Does Minsu teach math every weekend?
그들은 공책을 사고 싶어 해? | Do they want to buy a notebook?
너는 저 자전거를 안 탈 거야 | You won't ride that bicycle
아니요, 준호는 자동차를 운전하지 못해요 | No, Junho can't drive a car
탁자를 닦아 주세요 | Please wipe the table
부엌을 청소하지 마 | Don't clean the kitchen
지하철을 타지 말자 | Let's not take the subway
누가 이틀 전에 수학을 가르쳤어? | Who taught math two days ago?
준호는 내일 어디에서 수영할 거야? | Where will Junho swim tomorrow?
너는 왜 지난 주말에 집에서 잤어? | Why did you sleep at home last weekend?
이 사과는 맛있다 | This apple is delicious
그 책상은 크지만 가볍다 | The desk is big but light
저 셔츠는 이 코트보다 더 예쁘다 | That shirt is prettier than this coat
우리는 어제 피곤했다 | We were tired yesterday
그 여자는 작가다 | The woman is a writer
탁자 위에 컵이 없었다 | There was no cup on the table
그는 셔츠가 필요하지 않다 | He does not need a shirt
나는 어제 너를 도왔어 | I helped you yesterday
유나는 잡지를 읽는 것을 좋아한다 | Yuna likes reading magazines
그 소년은 유나를 모른다 | The boy does not know Yuna
우리는 자전거로 도서관에 갈 것이다 | We will go to the library by bicycle
그는 내일 서울로 돌아올 것이다 | He will come back to Seoul tomorrow
지수는 사진을 찍으러 제주도에 갈 것이다 | Jisu will go to Jeju Island to take a photo
그녀는 지난주에 그 학생들에게 저 컵을 줬다 | She gave the students that cup last week
그 학생들은 유나를 기다리고 있었다 | The students were waiting for Yuna
민수는 연필로 그림을 그리고 있다 | Minsu is drawing a picture with a pencil
오늘 아침에 눈이 왔기 때문에 민수는 집에 있었다 |
    Minsu stayed at home this morning because it snowed
그 학생들은 어제 목이 말라서 주스를 샀다 | The students were thirsty yesterday, so they bought juice
우리는 어제 졸렸지만 커피를 마시지 않았다 | We were sleepy yesterday, but we did not drink coffee
우리 아버지는 바쁘면 산책하지 않을 것이다 | My father will not take a walk if he is busy
배가 고프면 식당에 가 | Go to the restaurant if you are hungry
날씨가 좋을 때 나는 테니스를 친다 | I play tennis when the weather is nice
그는 숙제를 하기 전에 한국어를 공부할 것이다 | He will study Korean before he does his homework
지훈은 텔레비전을 보면서 커피를 마시고 있다 | Jihun is drinking coffee while watching television
유나가 집에 돌아왔을 때 그 여자는 시를 쓰고 있었다 |
    The woman was writing a poem when Yuna came back home
그들은 이 영화가 재미있다고 생각한다 | They think that this movie is interesting
내 여동생이 어제 산 소설은 길다 | The novel that my younger sister bought yesterday is long
수진은 농구를 좋아하지만 내 친구는 축구를 좋아한다 |
    Sujin likes basketball, but my friend likes soccer
"""


def golden_pairs() -> list[tuple[str, str]]:
    lines = GOLDEN.replace("|\n", "|").strip().splitlines()
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines]


def rows(text: str) -> list[list[str]]:
    """Splits "a b; c d" into parameters; "_" stands for a space within a word."""
    return [row.split() for row in text.split(";")]


def digest() -> int:
    return stable_hash(
        "\n".join(
            f"{name}\t{pair}" for name in phrasebook.SPLITS for pair in phrasebook.split(name)
        )
    )


@pytest.mark.parametrize("korean_english", golden_pairs(), ids=lambda pair: pair[1])
def test_golden_pair_is_generated(korean_english):
    assert korean_english in phrasebook.pairs()


def test_pairs_are_at_least_twenty_thousand_and_distinct():
    pairs = phrasebook.pairs()
    assert len(pairs) >= 20_000
    assert len(set(pairs)) == len(pairs)


def test_translation_is_a_function_in_both_directions():
    pairs = phrasebook.pairs()
    assert len({pair.korean for pair in pairs}) == len(pairs)
    assert len({pair.english for pair in pairs}) == len(pairs)


def test_every_template_gives_its_share():
    assert len(entries()) == sum(share for _, share in SHARES) + 3


def test_sentences_are_short_and_clean():
    for korean, text in phrasebook.pairs():
        assert 1 <= len(korean.split()) <= 14, korean
        assert 3 <= len(text.split()) <= 14, text
        assert "  " not in korean + text
        assert korean == korean.strip()
        assert text == text.strip()
        assert text[0].isupper()
        assert korean.endswith("?") == text.endswith("?")
        assert not korean.endswith(".")
        assert not text.endswith(".")


def test_style_follows_the_listener():
    for korean, text in phrasebook.pairs():
        polite = korean.rstrip("?").endswith(("요", "세요"))
        assert polite == text.startswith(("Yes,", "No,", "Please")), (korean, text)
        if polite or not korean.endswith("다"):
            continue
        spoken = {"you", "don't", "didn't", "won't", "can't"} & set(text.lower().split())
        assert not spoken, (korean, text)


def test_splits_are_disjoint_and_of_the_promised_size():
    train, valid, test = (set(phrasebook.split(name)) for name in phrasebook.SPLITS)
    assert len(train) >= 19_000
    assert len(valid) == len(test) == 500
    assert not train & valid
    assert not train & test
    assert not valid & test


def test_held_out_combinations_are_unseen_in_training():
    combinations = {(entry.korean, entry.english): entry.combination for entry in entries()}
    seen = {
        name: {combinations[pair] for pair in phrasebook.split(name)} for name in phrasebook.SPLITS
    }
    assert not seen["train"] & seen["valid"]
    assert not seen["train"] & seen["test"]
    assert not seen["valid"] & seen["test"]


@pytest.mark.parametrize("index", [0, 1], ids=["korean", "english"])
def test_held_out_words_are_known_from_training(index):
    known = {word for pair in phrasebook.split("train") for word in pair[index].split()}
    for name in ("valid", "test"):
        for pair in phrasebook.split(name):
            assert known.issuperset(pair[index].split()), pair


def test_split_rejects_an_unknown_name():
    with pytest.raises(ValueError, match="expected one of train, valid, test"):
        phrasebook.split("dev")


def test_pairs_do_not_depend_on_the_hash_seed():
    command = (
        "from training import phrasebook; from training.phrasebook.draw import stable_hash;"
        "print(stable_hash('\\n'.join(f'{name}\\t{pair}' for name in phrasebook.SPLITS "
        "for pair in phrasebook.split(name))))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    assert int(result.stdout) == digest()


def test_write_gives_aligned_files(tmp_path):
    counts = phrasebook.write(tmp_path / "data")
    parts = {name: phrasebook.split(name) for name in phrasebook.SPLITS}
    parts["phrases"] = phrasebook.phrases()
    assert counts == {name: len(part) for name, part in parts.items()}
    for name, part in parts.items():
        korean, text = (
            (tmp_path / "data" / f"{name}.{suffix}").read_text("utf-8").splitlines()
            for suffix in ("ko", "en")
        )
        assert list(zip(korean, text, strict=True)) == part


def test_write_spares_other_texts(tmp_path):
    (tmp_path / "valid.en").write_text("mine\n")
    with pytest.raises(ValueError, match=r"valid\.en: would be overwritten"):
        phrasebook.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["valid.en"]
    (tmp_path / "valid.en").unlink()
    assert phrasebook.write(tmp_path) == phrasebook.write(tmp_path)


def test_phrases_are_pairs_of_the_two_languages():
    found = phrasebook.phrases()
    assert ("안녕하세요.", "Hello.") in found
    assert len({korean for korean, _ in found}) == len(found) >= 300
    for korean, text in found:
        assert re.fullmatch(r"[가-힣 ]+(, [가-힣 ]+)?[.?!]", korean), korean
        assert re.fullmatch(r"[A-Z][A-Za-z' -]*(, [A-Za-z' -]+)*[.?!]", text), text


def test_command_line_writes_and_prints_samples(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["phrasebook", str(tmp_path), "--sample", "4"])
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["valid: 500 pairs", "test: 500 pairs"]
    assert len([line for line in lines if "\t" in line]) == 4
    assert (tmp_path / "train.ko").exists()


def test_command_line_names_what_is_wrong(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["phrasebook", str(tmp_path / "file")])
    assert main() == 2
    assert re.fullmatch("training.phrasebook: .*file.*\n", capsys.readouterr().err)
    monkeypatch.setattr(sys, "argv", ["phrasebook", "--sample", "-1"])
    with pytest.raises(SystemExit):
        main()
    assert "--sample: expected at least 0. Received -1." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("function", "word", "expected"),
    rows(
        "object_ 사과 사과를; object_ 밥 밥을; object_ 개 개를; object_ 권 권을; topic 물 물은;"
        "topic 우유 우유는; subject 책 책이; subject 비 비가; subject 나 내가; subject 너 네가;"
        "direction 서울 서울로; direction 집 집으로; direction 학교 학교로; direction 연필 연필로;"
        "direction 부산 부산으로; together 친구 친구와; together 수진 수진과"
    ),
)
def test_particle_follows_the_final_consonant(function, word, expected):
    assert getattr(particles, function)(word) == expected


@pytest.mark.parametrize("word", ["", "apple", "ㄱ"])
def test_final_consonant_rejects_what_is_not_hangul(word):
    with pytest.raises(ValueError, match="no final Hangul syllable"):
        particles.final_consonant(word)


@pytest.mark.parametrize(
    ("name", "ending", "expected"),
    rows(
        "eat plain 먹는다; go plain 간다; make plain 만든다; stay plain 있다; make if_ 만들면;"
        "make past_modifier 만든; make modifier 만드는; listen_to if_ 들으면; help if_ 도우면;"
        "listen_to past_modifier 들은; buy in_order_to 사러; eat in_order_to 먹으러;"
        "write polite 써요; sing polite 불러요"
    ),
)
def test_verb_takes_the_ending(name, ending, expected):
    assert getattr(VERBS[name.replace("_", " ")].korean, ending)() == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    rows(
        "eat 먹었다; drink 마셨다; listen_to 들었다; help 도왔다; sing 불렀다; study 공부했다;"
        "write 썼다; come 왔다; call 전화했다"
    ),
)
def test_korean_past_follows_vowel_harmony(name, expected):
    assert VERBS[name.replace("_", " ")].korean.past().plain() == expected


def test_copula_follows_the_final_consonant():
    assert stems.copula("학생").plain() == "학생이다"
    assert stems.copula("의사").plain() == "의사다"
    assert stems.copula("의사").polite() == "의사예요"
    assert stems.copula_past("학생").plain() == "학생이었다"
    assert stems.copula_past("의사").plain() == "의사였다"
    assert stems.not_copula("학생").intimate() == "학생이 아니야"


@pytest.mark.parametrize(
    ("article", "word"), rows("an apple; a book; a red; an old; an umbrella; an egg; an hour")
)
def test_article_follows_the_sound(article, word):
    assert english.with_article(word) == f"{article} {word}"


@pytest.mark.parametrize(
    ("name", "third", "past"),
    rows(
        "eat eats ate; watch watches watched; study studies studied; teach teaches taught;"
        "go goes went; do does did; buy buys bought; play_the plays_the played_the;"
        "look_for looks_for looked_for; take_a_walk takes_a_walk took_a_walk; read reads read"
    ),
)
def test_english_verb_agrees_and_has_its_past(name, third, past):
    verb = VERBS[name.replace("_", " ")].english
    assert verb.present("he") == third.replace("_", " ")
    assert verb.past == past.replace("_", " ")


@pytest.mark.parametrize(
    ("aspect", "options", "expected"),
    [
        ("present", {}, ("", "eats")),
        ("present", {"negative": True}, ("does not", "eat")),
        ("past", {"negative": True, "contracted": True}, ("didn't", "eat")),
        ("past", {"question": True}, ("did", "eat")),
        ("progressive", {}, ("is", "eating")),
        ("can", {"negative": True}, ("cannot", "eat")),
        ("want", {}, ("", "wants to eat")),
        ("want", {"question": True}, ("does", "want to eat")),
        ("have_to", {}, ("", "has to eat")),
        ("past_have_to", {}, ("", "had to eat")),
        ("past_can", {"negative": True}, ("could not", "eat")),
    ],
)
def test_predicate_of_a_third_person(aspect, options, expected):
    assert english.predicate(VERBS["eat"].english, aspect, "he", **options) == expected
