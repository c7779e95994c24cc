"""The tokenizer: ids, text, reproducible sampling, files and their errors."""

import io
import json
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
import sentencepiece

from serving.tokenizer import END_ID, PAD_ID, START_ID, Tokenizer, load_tokenizers, tokenizer_files

REPOSITORY = Path(__file__).resolve().parents[3]
TEXTS = [
    "The little dog runs across the wide green field.",
    "A little cat sleeps under the old wooden table.",
    "작은 개가 넓은 들판을 가로질러 달립니다.",
    "작은 고양이가 낡은 나무 탁자 밑에서 잡니다.",
    "Ein kleiner Hund läuft über das grüne Feld.",
]


def train(kind="unigram", **options):
    settings = {
        "vocab_size": 420 if kind == "unigram" else 400,
        "pad_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "unk_id": 3,
        "byte_fallback": True,
        "hard_vocab_limit": False,
    } | options
    if kind == "bpe":
        del settings["hard_vocab_limit"]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 3),
        model_writer=model,
        model_type=kind,
        minloglevel=2,
        num_threads=1,
        **settings,
    )
    return model.getvalue()


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request):
    return Tokenizer(train(request.param))


@pytest.fixture(scope="module")
def unigram():
    return Tokenizer(train("unigram"))


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char"])
def test_kind_is_what_the_model_was_trained_as(kind):
    assert Tokenizer(train(kind, vocab_size=150, byte_fallback=False)).kind == kind


@pytest.mark.parametrize("text", [*TEXTS, "unseen 漢字 🦊", ""])
def test_decode_gives_back_the_text(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_encode_batch_matches_encode(tokenizer):
    assert tokenizer.encode_batch(TEXTS) == [tokenizer.encode(text) for text in TEXTS]


def test_encode_adds_no_special_ids(tokenizer):
    assert not {PAD_ID, START_ID, END_ID} & set(tokenizer.encode(TEXTS[0] + " <s> </s> <pad>"))


def test_decode_stops_at_end_and_ignores_padding(tokenizer):
    ids = tokenizer.encode(TEXTS[0])
    noisy = [START_ID, *ids[:3], PAD_ID, *ids[3:], END_ID, *ids, PAD_ID]
    assert tokenizer.decode(noisy) == TEXTS[0]
    assert "".join(tokenizer.pieces(noisy)).replace("▁", " ").strip() == TEXTS[0]


def test_decode_names_an_id_outside_the_vocabulary(tokenizer):
    size = tokenizer.vocabulary_size
    with pytest.raises(ValueError, match=rf"expected 0 to {size - 1}\. Received {size}\."):
        tokenizer.decode([4, size])
    with pytest.raises(ValueError, match=r"pieces: ids .* Received -1\."):
        tokenizer.pieces([-1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"bytes", "expected str. Received bytes"),
        ("bad \ud800", r"Received U\+D800 at character 4"),
    ],
)
def test_encode_refuses_what_is_not_text(unigram, text, message):
    with pytest.raises(ValueError, match=message):
        unigram.encode(text)
    with pytest.raises(ValueError, match=message):
        unigram.sample(text, 0.1, 0)
    with pytest.raises(ValueError, match=r"texts\[1\].*" + message):
        unigram.encode_batch(["fine", text])


def test_sample_decodes_to_the_same_text_and_varies_with_the_seed(tokenizer):
    varied = 0
    for text in [*TEXTS, "unseen 漢字 🦊 ▁"]:
        draws = [tokenizer.sample(text, 0.2, seed) for seed in range(8)]
        assert {tokenizer.decode(ids) for ids in draws} == {
            tokenizer.decode(tokenizer.encode(text))
        }
        varied += len({tuple(ids) for ids in draws}) > 1
    assert varied >= 3


def test_sample_without_randomness_is_the_best_segmentation():
    unigram, bpe = Tokenizer(train("unigram")), Tokenizer(train("bpe"))
    for text in TEXTS:
        assert bpe.sample(text, 0.0, 5) == bpe.encode(text)
        # Only an exact tie may be cut elsewhere: same number of pieces, same text.
        assert len(unigram.sample(text, 1e4, 5)) == len(unigram.encode(text))


def test_sample_merges_unknown_runs_as_encode_does():
    tokenizer = Tokenizer(train("bpe", vocab_size=150, byte_fallback=False))
    assert tokenizer.sample("漢字 dog", 0.0, 0) == tokenizer.encode("漢字 dog")


def test_sample_frequencies_follow_the_model(unigram):
    """With alpha 0 every segmentation is equally likely."""
    drawn = [tuple(unigram.pieces(unigram.sample("dog", 0.0, seed))) for seed in range(2000)]
    shares = [drawn.count(cut) / len(drawn) for cut in set(drawn)]
    assert len(shares) > 1
    assert max(shares) - min(shares) < 0.1


def test_sample_is_independent_of_earlier_calls(tokenizer):
    expected = tokenizer.sample(TEXTS[0], 0.2, 11)
    tokenizer.sample(TEXTS[1], 0.5, 3)
    fresh = pickle.loads(pickle.dumps(tokenizer))
    assert tokenizer.sample(TEXTS[0], 0.2, 11) == fresh.sample(TEXTS[0], 0.2, 11) == expected


def test_sample_matches_in_another_process(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(tokenizer.model_proto)
    program = (
        "import json, sys; from serving.tokenizer import Tokenizer\n"
        "tokenizer = Tokenizer.load(sys.argv[1])\n"
        "print(json.dumps([tokenizer.sample(t, 0.2, 7) for t in json.loads(sys.argv[2])]))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, str(path), json.dumps(TEXTS)],
        capture_output=True,
        check=True,
        cwd=REPOSITORY,
        text=True,
    ).stdout
    assert json.loads(output) == [tokenizer.sample(text, 0.2, 7) for text in TEXTS]


def test_sample_checks_alpha_and_the_kind_of_model(unigram):
    with pytest.raises(ValueError, match=r"expected 0 or more. Received -0.1"):
        unigram.sample("dog", -0.1, 0)
    with pytest.raises(ValueError, match=r"expected 0 to 1 .* Received 1.5"):
        Tokenizer(train("bpe")).sample("dog", 1.5, 0)
    characters = Tokenizer(train("char", vocab_size=40, byte_fallback=False))
    with pytest.raises(
        ValueError, match=r"expected a unigram or BPE model\. Received model type 4"
    ):
        characters.sample("dog", 0.1, 0)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 zip"])
def test_load_names_a_file_that_is_no_model(tmp_path, content):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"tokenizer\.model: (content is not|special ids differ)"):
        Tokenizer.load(path)


def test_load_names_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.model: file is missing"):
        Tokenizer.load(tmp_path / "absent.model")


def test_load_refuses_other_special_ids(tmp_path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(train("unigram", pad_id=-1, unk_id=0))
    with pytest.raises(ValueError, match=r"Received pad -1, start 1, end 2, unknown 0\."):
        Tokenizer.load(path)


def test_load_tokenizers_reads_joint_and_separate_files(tmp_path, unigram):
    joint, separate = tmp_path / "joint", tmp_path / "separate"
    joint.mkdir()
    separate.mkdir()
    (joint / "tokenizer.model").write_bytes(unigram.model_proto)
    (separate / "tokenizer.source.model").write_bytes(unigram.model_proto)
    (separate / "tokenizer.target.model").write_bytes(train("bpe"))
    source, target = load_tokenizers(joint)
    assert source is target
    source, target = load_tokenizers(separate)
    assert (source.vocabulary_size, target.vocabulary_size) == (unigram.vocabulary_size, 400)
    assert [path.name for path in tokenizer_files(separate)] == [
        "tokenizer.source.model",
        "tokenizer.target.model",
    ]


@pytest.mark.parametrize(
    "names", [[], ["tokenizer.source.model"], ["tokenizer.model", "tokenizer.target.model"]]
)
def test_tokenizer_files_refuses_an_unclear_directory(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"Received {', '.join(names) or 'none'}"):
        tokenizer_files(tmp_path)


def test_piece_id_is_the_opposite_of_pieces(tokenizer):
    ids = [token for token in range(tokenizer.vocabulary_size) if token not in (0, 1, 2)]
    assert [tokenizer.piece_id(piece) for piece in tokenizer.pieces(ids)] == ids
    assert tokenizer.piece_id("<unk>") == 3
    for text in ("no piece", "", "xyzzy"):
        assert tokenizer.piece_id(text) is None


def byte_ids(tokenizer, content):
    return [tokenizer.piece_id(f"<0x{byte:02X}>") for byte in content]


@pytest.mark.parametrize(
    ("content", "num_open"),
    [
        (b"", 0),
        (b"a", 0),
        ("é".encode(), 0),
        ("é".encode()[:1], 1),
        ("한".encode()[:1], 1),
        ("한".encode()[:2], 2),
        ("한".encode(), 0),
        ("🦊".encode()[:3], 3),
        ("🦊".encode(), 0),
        ("🦊".encode() + "🦊".encode()[:2], 2),
        (b"\x80", 0),  # no character begins so
        (b"\xff\xfe", 0),
        (b"\xf0\x9fa", 0),  # broken off by an a
        (b"\xe2\xe2", 1),
    ],
)
def test_bytes_of_an_unfinished_character_are_not_settled(tokenizer, content, num_open):
    before = tokenizer.encode("a dog")
    ids = before + byte_ids(tokenizer, content)
    assert tokenizer.num_settled(ids) == len(ids) - num_open
    # Pad and start ids have no text: the bytes around them are one character.
    spread = before + [token for part in byte_ids(tokenizer, content) for token in (part, 0, 1)]
    open_places = 3 * num_open
    assert tokenizer.num_settled(spread) == len(spread) - open_places


def test_settled_text_never_changes(tokenizer):
    generator = random.Random(5)
    size = tokenizer.vocabulary_size
    all_bytes = byte_ids(tokenizer, range(256))
    fox = byte_ids(tokenizer, "🦊한é".encode())
    held_back = 0
    for _ in range(300):
        ids = []
        while len(ids) < 24:
            kind = generator.randrange(4)
            if kind == 0:
                ids += [generator.randrange(size)]
            elif kind == 1:
                ids += generator.choices(all_bytes, k=generator.randrange(4))
            elif kind == 2:
                ids += fox
            else:
                ids += tokenizer.encode("▁ a dog")
        ids = [token for token in ids if token != END_ID]
        whole = tokenizer.decode(ids)
        for length in range(len(ids)):
            settled = tokenizer.num_settled(ids[:length])
            held_back += settled < length
            assert whole.startswith(tokenizer.decode(ids[:settled])), ids
    assert held_back > 500
