"""Korean conjugation: a `Stem` knows three forms, and every ending hangs on one of them.

The three forms of 듣다 (hear) are the stem 듣-, the infinitive 들어, and the form before a
linking 으, 들으-. Irregular verbs (ㄷ, ㅂ, ㅡ, 르, 하다) differ only in these forms, so the endings
below hold for all of them. An auxiliary (있다, 않다, 싶다, 하다) gives a new `Stem` to go on with.

Three levels of politeness are used; `grammar.py` states when.
    plain     먹는다, 먹었다, 먹을 것이다
    intimate  먹어, 먹었어, 먹을 거야
    polite    먹어요, 먹었어요, 먹을 거예요
"""

from dataclasses import dataclass

from training.phrasebook import particles

VERB = "verb"  # 먹다: plain present takes -는다, noun modifier takes -는
ADJECTIVE = "adjective"  # 춥다: plain present takes -다, noun modifier takes -ㄴ/은
EXISTENCE = "existence"  # 있다, 맛있다: plain present takes -다, noun modifier takes -는


@dataclass(frozen=True)
class Stem:
    """One conjugable word or chain of words.

    Args:
        stem: the dictionary form without 다.
        infinitive: the -아/어 form, which is also the intimate present.
        kind: VERB, ADJECTIVE or EXISTENCE.
        eu: the form before 으-endings; empty for the regular one.
        polite_form: the polite present where it is not the infinitive + 요.
        long_negation: negate as -지 않다 in speech too (공부하다 and its like).
    """

    stem: str
    infinitive: str
    kind: str = VERB
    eu: str = ""
    polite_form: str = ""
    long_negation: bool = False

    @property
    def linking(self) -> str:
        """The form before -ㄴ, -ㄹ, -면, -러: 먹으, 가, 만들, 들으."""
        if self.eu:
            return self.eu
        closed = particles.final_consonant(self.stem) and not particles.ends_in_rieul(self.stem)
        return self.stem + "으" if closed else self.stem

    # -- tense, negation, auxiliaries: each returns a new Stem -----------------------------------

    def past(self) -> "Stem":
        """먹었-."""
        base = particles.add_final(self.infinitive, "ㅆ")
        return Stem(base, base + "어", ADJECTIVE)

    def future(self) -> "Stem":
        """먹을 것이-."""
        base = particles.add_final(self.linking, "ㄹ")
        return Stem(f"{base} 것이", f"{base} 거야", ADJECTIVE, polite_form=f"{base} 거예요")

    def not_long(self) -> "Stem":
        """먹지 않-."""
        return Stem(f"{self.stem}지 않", f"{self.stem}지 않아", self.kind)

    def not_short(self) -> "Stem":
        """안 먹-, but 공부하지 않-."""
        return self.not_long() if self.long_negation else self._prefixed("안")

    def unable_short(self) -> "Stem":
        """못 먹-, but 공부하지 못하-."""
        if self.long_negation:
            return Stem(f"{self.stem}지 못하", f"{self.stem}지 못해")
        return self._prefixed("못")

    def progressive(self) -> "Stem":
        """먹고 있-."""
        return Stem(f"{self.stem}고 있", f"{self.stem}고 있어", EXISTENCE)

    def able(self) -> "Stem":
        """먹을 수 있-."""
        base = particles.add_final(self.linking, "ㄹ")
        return Stem(f"{base} 수 있", f"{base} 수 있어", EXISTENCE)

    def unable(self) -> "Stem":
        """먹을 수 없-."""
        base = particles.add_final(self.linking, "ㄹ")
        return Stem(f"{base} 수 없", f"{base} 수 없어", EXISTENCE)

    def obliged(self) -> "Stem":
        """먹어야 하-."""
        return Stem(f"{self.infinitive}야 하", f"{self.infinitive}야 해")

    def wanted(self) -> "Stem":
        """먹고 싶-, for the speaker and the listener."""
        return Stem(f"{self.stem}고 싶", f"{self.stem}고 싶어", ADJECTIVE)

    def wanted_by_other(self) -> "Stem":
        """먹고 싶어 하-, for anybody else."""
        return Stem(f"{self.stem}고 싶어 하", f"{self.stem}고 싶어 해")

    def _prefixed(self, adverb: str) -> "Stem":
        eu = f"{adverb} {self.eu}" if self.eu else ""
        return Stem(f"{adverb} {self.stem}", f"{adverb} {self.infinitive}", self.kind, eu)

    # -- sentence endings ------------------------------------------------------------------------

    def plain(self) -> str:
        """먹는다, 간다, 만든다; 춥다."""
        if self.kind != VERB:
            return self.stem + "다"
        if particles.final_consonant(self.stem) and not particles.ends_in_rieul(self.stem):
            return self.stem + "는다"
        return particles.add_final(self.stem, "ㄴ") + "다"

    def intimate(self) -> str:
        """먹어."""
        return self.infinitive

    def polite(self) -> str:
        """먹어요."""
        return self.polite_form or self.infinitive + "요"

    def request(self) -> str:
        """먹어 주세요."""
        return self.infinitive + " 주세요"

    # -- endings that join clauses or modify nouns -----------------------------------------------

    def and_(self) -> str:
        """먹고."""
        return self.stem + "고"

    def but(self) -> str:
        """먹지만."""
        return self.stem + "지만"

    def because(self) -> str:
        """먹기 때문에."""
        return self.stem + "기 때문에"

    def so(self) -> str:
        """먹어서; takes no past."""
        return self.infinitive + "서"

    def when(self) -> str:
        """먹을 때, 먹었을 때."""
        return particles.add_final(self.linking, "ㄹ") + " 때"

    def if_(self) -> str:
        """먹으면."""
        return self.linking + "면"

    def while_(self) -> str:
        """먹으면서."""
        return self.linking + "면서"

    def in_order_to(self) -> str:
        """먹으러."""
        return self.linking + "러"

    def before(self) -> str:
        """먹기 전에."""
        return self.stem + "기 전에"

    def after(self) -> str:
        """먹은 후에."""
        return particles.add_final(self.linking, "ㄴ") + " 후에"

    def modifier(self) -> str:
        """Present noun modifier: 먹는, 만드는, 맛있는; 추운."""
        if self.kind == ADJECTIVE:
            return particles.add_final(self.linking, "ㄴ")
        stem = particles.drop_final(self.stem) if particles.ends_in_rieul(self.stem) else self.stem
        return stem + "는"

    def past_modifier(self) -> str:
        """Past noun modifier of a verb: 먹은, 산, 만든."""
        return particles.add_final(self.linking, "ㄴ")


def copula(noun: str) -> Stem:
    """학생이-, 의사-: 학생이다 and 의사다, 학생이야 and 의사야, 학생이에요 and 의사예요."""
    if particles.final_consonant(noun):
        return Stem(noun + "이", noun + "이야", ADJECTIVE, polite_form=noun + "이에요")
    return Stem(noun, noun + "야", ADJECTIVE, eu=noun, polite_form=noun + "예요")


def copula_past(noun: str) -> Stem:
    """학생이었-, 의사였-."""
    base = noun + ("이었" if particles.final_consonant(noun) else "였")
    return Stem(base, base + "어", ADJECTIVE)


def not_copula(noun: str) -> Stem:
    """학생이 아니-, 의사가 아니-."""
    base = particles.subject(noun) + " 아니"
    return Stem(base, base + "야", ADJECTIVE, polite_form=base + "에요")


EXIST = Stem("있", "있어", EXISTENCE)
ABSENT = Stem("없", "없어", EXISTENCE)
