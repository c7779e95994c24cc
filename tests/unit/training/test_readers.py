"""Readers: formats, gzip, and one clear message for each kind of broken file."""

import gzip
import re
import struct

import pytest

from training.corpus import Corpus, raw_pairs


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def texts(corpus):
    return [(pair.source, pair.target) for pair in raw_pairs(corpus)]


PAIRS = [("one", "하나"), ("two", "둘")]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_two_files_are_read_line_by_line(tmp_path, suffix):
    source = write(tmp_path / f"a.en{suffix}", "\ufeffone\r\ntwo\r\n")
    target = write(tmp_path / f"a.ko{suffix}", "하나\n둘")
    assert texts(Corpus(source, target)) == PAIRS


def test_lines_end_only_at_line_feeds(tmp_path):
    source = write(tmp_path / "a.en", "one\u2028still one\x0bhere\ntwo\n")
    target = write(tmp_path / "a.ko", "하나\n둘\n")
    assert len(texts(Corpus(source, target))) == 2


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_tsv_columns_by_number_and_by_name(tmp_path, suffix):
    named = write(
        tmp_path / f"named.tsv{suffix}", 'id\tko\ten\n7\t하나\tone\n8\t둘\ttwo\n"\t"\t"\n'
    )
    plain = write(tmp_path / f"plain.tsv{suffix}", "one\t하나\ntwo\t둘\n")
    expected = [*PAIRS, ('"', '"')]
    assert texts(Corpus(named, source_column="en", target_column="ko")) == expected
    assert texts(Corpus(named, source_column=3, target_column=2, header=True)) == expected
    assert texts(Corpus(plain)) == PAIRS


def test_file_numbers_lines_from_one(tmp_path):
    path = write(tmp_path / "named.tsv", "en\tko\none\t하나\n")
    assert next(raw_pairs(Corpus(path, source_column="en", target_column="ko"))).line == 2


PO = r"""
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n"

msgid "Open"
msgstr "열기"

#, fuzzy
msgid "Close"
msgstr "닫다?"

msgid "Save"
msgstr ""

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "파일 %d개"

msgid "two "
"lines"
msgstr "두 "
"줄"

#~ msgid "Old"
#~ msgstr "옛"
"""


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_po_marks_what_is_unfit_and_pairs_plurals(tmp_path, suffix):
    path = write(tmp_path / f"ko.po{suffix}", PO)
    found = [(p.source, p.target, p.problem) for p in raw_pairs(Corpus(path))]
    assert found == [
        ("Open", "열기", None),
        ("Close", "닫다?", "fuzzy"),
        ("Save", "", "untranslated"),
        ("%d file", "파일 %d개", None),
        ("%d files", "파일 %d개", None),
        ("two lines", "두 줄", None),
        ("Old", "옛", "obsolete"),
    ]
    assert next(raw_pairs(Corpus(path))).line == 5


def test_po_pairs_first_and_last_plural_form(tmp_path):
    path = write(
        tmp_path / "pl.po",
        'msgid "file"\nmsgid_plural "files"\n'
        'msgstr[0] "plik"\nmsgstr[1] "pliki"\nmsgstr[2] "plików"\n',
    )
    assert texts(Corpus(path)) == [("file", "plik"), ("files", "plików")]


def test_po_can_be_read_backwards(tmp_path):
    path = write(tmp_path / "ko.po", 'msgid "Open"\nmsgstr "열기"\n')
    corpus = Corpus(path, source_column="msgstr", target_column="msgid")
    assert texts(corpus) == [("열기", "Open")]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mo_is_read(tmp_path, suffix):
    polib = pytest.importorskip("polib")
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.append(polib.POEntry(msgid="Open", msgstr="열기"))
    path = write(tmp_path / f"ko.mo{suffix}", catalogue.to_binary())
    assert texts(Corpus(path)) == [("Open", "열기")]


def fails(corpus, message):
    with pytest.raises(ValueError, match=message) as caught:
        list(raw_pairs(corpus))
    assert len(str(caught.value).splitlines()) == 1


def kept(corpus):
    return [(pair.source, pair.problem) for pair in raw_pairs(corpus)]


def test_where_marks_the_rows_with_other_values(tmp_path):
    rows = "news\ta\tone\t하나\nweb\ta\ttwo\t둘\nnews\tb\tthree\t셋\nblog\ta\tfour\t넷\n"
    plain = write(tmp_path / "plain.tsv", rows)
    named = write(tmp_path / "named.tsv", "domain\trights\ten\tko\n" + rows)
    options = {"source_column": 3, "target_column": 4}
    dropped = "filtered by column"
    both = [("one", None), ("two", dropped), ("three", None), ("four", dropped)]
    assert kept(Corpus(plain, **options, where={1: ["news"]})) == both
    assert kept(Corpus(named, **options, where={"domain": ["news"]})) == both
    one = [("one", None), ("two", None), ("three", dropped), ("four", dropped)]
    assert kept(Corpus(plain, **options, where={1: ["news", "web"], 2: ["a"]})) == one
    assert kept(Corpus(plain, **options, where={})) == kept(Corpus(plain, **options))


def test_where_names_a_column_or_value_that_is_not_there(tmp_path):
    plain = write(tmp_path / "plain.tsv", "one\t하나\tnews\ntwo\t둘\tweb\n")
    fails(Corpus(plain, where={4: ["x"]}), "line 1 has too few columns; expected at least 4")
    fails(Corpus(plain, where={"domain": ["x"]}), "column 'domain' is missing.*one, 하나, news")
    misspelt = Corpus(plain, where={3: ["news", "webb", "wob"]})
    fails(misspelt, r"column 3 never has the value webb, wob; .*Received news, web\. Correct")


def test_unequal_files_name_both_counts(tmp_path):
    long, short = write(tmp_path / "a.en", "1\n2\n3\n4\n"), write(tmp_path / "a.ko", "1\n2\n")
    fails(Corpus(long, short), r"a\.en: number of lines differs .*Received 4 and 2 lines.*line 2")
    fails(Corpus(short, long), r"a\.ko: number of lines differs .*Received 2 and 4 lines")


def test_wrong_encoding_names_line_and_byte(tmp_path):
    latin = write(tmp_path / "a.de", "gut\nschön\n".encode("latin-1"))
    good = write(tmp_path / "a.en", "good\nnice\n")
    message = r"a\.de: line 2 is not UTF-8 \(byte 7 of the text\).*Received byte 0xf6\. Convert"
    fails(Corpus(good, latin), message)
    packed = write(tmp_path / "b.de.gz", "gut\nschön\n".encode("latin-1"))
    fails(Corpus(good, packed), message.replace("a", "b", 1).replace(r"\.de", r"\.de\.gz", 1))


def test_utf16_is_recognised(tmp_path):
    wide, good = write(tmp_path / "a.de", "gut\n".encode("utf-16")), write(tmp_path / "a.en", "g\n")
    fails(Corpus(wide, good), r"a\.de: line 1 is not UTF-8 .*UTF-16 byte order mark.*iconv")


def test_missing_column_names_the_columns_there_are(tmp_path):
    path = write(tmp_path / "a.tsv", "id\ten\tko\n1\tone\t하나\n")
    named = Corpus(path, source_column="en", target_column="de")
    fails(named, r"a\.tsv: line 1: column 'de' is missing.*Received header: id, en, ko\.")
    numbered = Corpus(path, source_column=1, target_column=4, header=True)
    fails(numbered, r"a\.tsv: line 1: column 4 is missing; expected a number from 1 to 3")
    fails(Corpus(path, source_column=0, target_column=1), "column 0 is missing")
    mixed = Corpus(path, source_column="en", target_column=2, header=False)
    fails(mixed, "column 'en' is missing.*Received header: no header")


def test_short_row_names_its_line(tmp_path):
    path = write(tmp_path / "a.tsv", "one\t하나\ntwo\n")
    fails(
        Corpus(path), r"a\.tsv: line 2 has too few columns; expected at least 2.*Received 1: 'two'"
    )


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_empty_and_missing_files_are_named(tmp_path, suffix):
    empty, good = write(tmp_path / f"a.en{suffix}", ""), write(tmp_path / "a.ko", "하나\n")
    fails(Corpus(empty, good), r"a\.en(\.gz)?: file is empty")
    fails(Corpus(tmp_path / "none", good), "none: file is missing")
    fails(Corpus(tmp_path, good), f"{re.escape(tmp_path.name)}: file is a directory")


def test_truncated_gzip_names_the_line(tmp_path):
    lines = "".join(f"line {number * 7919}\n" for number in range(20000))
    whole = gzip.compress(lines.encode())
    cut = tmp_path / "a.en.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    good = write(tmp_path / "a.ko", lines)
    fails(Corpus(cut, good), r"a\.en\.gz: file is cut off or damaged at line [1-9]\d+.*Download")
    cut.write_bytes(whole[:2000] + b"\0" * 500 + whole[2500:])
    fails(Corpus(cut, good), r"a\.en\.gz: file is cut off or damaged at line \d+")


def test_file_without_lines_is_refused(tmp_path):
    blob, good = write(tmp_path / "a.bin", b"x" * (2 << 20)), write(tmp_path / "a.ko", "하나\n")
    fails(Corpus(blob, good), r"a\.bin: line 1 is too long; expected one sentence a line")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.po", 'msgid "a"\nmsgstr "b"\nbogus "c"\n', r"a\.po: .*valid \.po.*line 3.*msgfmt"),
        ("a.po", b'msgid "a"\nmsgstr "\xff\xfe"\n', r"a\.po: .*valid \.po catalogue"),
        ("a.po", "", r"a\.po: catalogue is empty"),
        ("a.mo", b"not a catalogue", r"a\.mo: .*valid \.mo catalogue.*magic"),
        ("a.mo", struct.pack("<I", 0x950412DE), r"a\.mo: .*valid \.mo catalogue"),
    ],
)
def test_broken_catalogue_is_named(tmp_path, name, content, message):
    fails(Corpus(write(tmp_path / name, content)), message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": 0}, r"Corpus a\.tsv: weight is out of range.*Received 0"),
        ({"weight": float("nan")}, "weight is out of range"),
        ({"target": "a.ko", "source_column": 1}, r"a\.tsv \+ a\.ko: columns do not suit two files"),
        ({"source": "a.po", "source_column": "en"}, "expected msgid and msgstr"),
        ({"target": "a.ko", "where": {1: ["x"]}}, "where does not suit files; expected a TSV"),
        ({"source": "a.po", "where": {1: ["x"]}}, "where does not suit gettext"),
        ({"where": {1: "news"}}, r"where\[1\] is not a list of values.*Received 'news'"),
        ({"where": {"a": []}}, r"where\['a'\] is not a list of values"),
        ({"where": {"a": [1]}}, r"where\['a'\] is not a list of values"),
    ],
)
def test_corpus_refuses_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        Corpus(**{"source": "a.tsv"} | options)
