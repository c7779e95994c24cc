"""Hangul syllable arithmetic and the particles that depend on a final consonant.

A Hangul syllable is `0xAC00 + (initial * 21 + vowel) * 28 + final`, so the final consonant
(받침) of a word is its last code point modulo 28, with 0 for "none".
"""

_FIRST = 0xAC00
_LAST = 0xD7A3
_FINALS = {"": 0, "ㄴ": 4, "ㄹ": 8, "ㅆ": 20}
_RIEUL = _FINALS["ㄹ"]


def final_consonant(word: str) -> int:
    """Returns the index (0 for none, up to 27) of the final consonant of the last syllable.

    Raises:
        ValueError: when the word is empty or does not end in a Hangul syllable.
    """
    if not word or not _FIRST <= ord(word[-1]) <= _LAST:
        raise ValueError(
            f"final_consonant: word has no final Hangul syllable; expected Hangul text. "
            f"Received {word!r}. Spell the word in Hangul."
        )
    return (ord(word[-1]) - _FIRST) % 28


def ends_in_rieul(word: str) -> bool:
    """Says whether the last syllable ends in ㄹ."""
    return final_consonant(word) == _RIEUL


def drop_final(word: str) -> str:
    """Removes the final consonant of the last syllable: 만들 → 만드."""
    return word[:-1] + chr(ord(word[-1]) - final_consonant(word))


def add_final(word: str, consonant: str) -> str:
    """Puts ㄴ, ㄹ or ㅆ under the last syllable, in place of a ㄹ there: 가 → 갈, 만들 → 만든.

    Raises:
        ValueError: when the last syllable ends in a consonant other than ㄹ.
    """
    if final_consonant(word) not in (0, _RIEUL):
        raise ValueError(
            f"add_final: word ends in a consonant; expected an open syllable or ㄹ. "
            f"Received {word!r}. Insert 으 first."
        )
    open_word = drop_final(word)
    return open_word[:-1] + chr(ord(open_word[-1]) + _FINALS[consonant])


def _choose(word: str, after_consonant: str, after_vowel: str) -> str:
    return word + (after_consonant if final_consonant(word) else after_vowel)


def topic(word: str) -> str:
    """은/는: 물은, 사과는."""
    return _choose(word, "은", "는")


def subject(word: str) -> str:
    """이/가, with the three irregular pronouns: 책이, 사과가, 내가, 네가, 제가."""
    irregular = {"나": "내가", "너": "네가", "저": "제가"}
    return irregular.get(word) or _choose(word, "이", "가")


def object_(word: str) -> str:
    """을/를: 밥을, 사과를."""
    return _choose(word, "을", "를")


def direction(word: str) -> str:
    """으로/로; ㄹ counts as a vowel here: 집으로, 학교로, 서울로."""
    return word + "로" if ends_in_rieul(word) else _choose(word, "으로", "로")


def together(word: str) -> str:
    """과/와: 동생과, 친구와."""
    return _choose(word, "과", "와")
