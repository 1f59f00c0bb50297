"""Tells male, female and baby apart by an image's captions. Pure."""

import string
from collections.abc import Mapping, Sequence
from itertools import takewhile

from vpo_builder.classes import PERSON
from vpo_builder.config import PersonSettings
from vpo_builder.records import PersonDecision

AMBIGUOUS = "ambiguous"


_CLAUSE_ENDS = ",;:.!()"  # and "?"


_NEXT = "|"  # between two captions


def _letter(code: int) -> str:
    """Return what a character, made small, counts as; "?" stands for those outside ASCII."""
    character = chr(code)
    if character in _CLAUSE_ENDS:
        return "."
    return character if character in string.ascii_lowercase + _NEXT else " "


_LETTERS = "".join(map(_letter, range(256))).encode("ascii")


class PersonResolver:
    """Tells male, female and baby apart by an image's captions (protocol §1, person).

    What it gives is how captions perceive a person, not an identity.
    """

    def __init__(self, settings: PersonSettings) -> None:
        self._settings = settings
        self._qualifiers = frozenset(settings.qualified_by)
        self._can_describe = frozenset(settings.can_describe)
        self._connectives = frozenset(settings.connectives)
        self._toys = frozenset(settings.toy_words)
        self._not_before_of = frozenset(settings.not_before_of)
        self._misleading = self._can_describe | self._toys | self._not_before_of
        self._kinds = _kinds_of_words(settings)

    def resolve(self, image_id: int, captions: Sequence[str]) -> PersonDecision:
        """Return the verdict (a class name or "ambiguous") and the words found per caption."""
        if self._settings.policy == "merge":
            return PersonDecision(image_id, PERSON, ())
        words = list(map(self._words, _tokens(captions)))
        said = [kind for told in words if told for kind in {self._kinds[word] for word in told}]
        found = tuple(zip(captions, words, strict=True))
        return PersonDecision(image_id, self._verdict(said), found)

    def _words(self, tokens: list[str]) -> tuple[str, ...]:
        """Return the words of a caption that mean a person."""
        if self._kinds.keys().isdisjoint(tokens):
            return ()
        if self._misleading.isdisjoint(tokens):  # as most captions are
            return tuple([token for token in tokens if token in self._kinds])
        return tuple(
            token
            for place, token in enumerate(tokens)
            if token in self._kinds and self._is_a_person(tokens, place)
        )

    def _is_a_person(self, tokens: list[str], place: int) -> bool:
        """Tell whether a word means what it says, by its neighbours in the same clause."""
        word = tokens[place]
        if place and tokens[place - 1] in self._toys:
            return False
        if word not in self._can_describe and word not in self._not_before_of:
            return True
        after = list(takewhile(str.isalpha, tokens[place + 1 : place + 3]))
        described = word in self._can_describe and self._names_a_thing(after)
        idiom = word in self._not_before_of and after[:1] == ["of"]
        return not (described or idiom)

    def _names_a_thing(self, after: list[str]) -> bool:
        """Tell whether an animal or a thing follows, at once or behind one adjective."""
        if not after:
            return False
        if after[0] in self._qualifiers:
            return True
        adjective = after[0] not in self._connectives and not after[0].endswith("ing")
        return adjective and after[-1] in self._qualifiers

    def _verdict(self, said: Sequence[str]) -> str:
        """Decide by what each caption says; a caption that says "man" twice says it once."""
        baby, female, male = map(said.count, ("baby", "female", "male"))
        enough = self._settings.min_captions
        if "child" in said:
            return AMBIGUOUS
        if baby >= enough and not female and not male:
            return "baby"
        if female >= enough and not male:
            return "female"
        if male >= enough and not female:
            return "male"
        return AMBIGUOUS


def _tokens(captions: Sequence[str]) -> list[list[str]]:
    """Return each caption's words in small letters, and a point where a clause ends.

    An image's captions are one text for as long as that goes, which halves the time.
    """
    if not captions:
        return []
    text = _NEXT.join([caption.replace(_NEXT, " ") for caption in captions])
    ascii_text = text.lower().replace("?", ".").encode("ascii", "replace")
    text = ascii_text.translate(_LETTERS).decode("ascii").replace(".", " . ")
    return [caption.split() for caption in text.split(_NEXT)]


def _kinds_of_words(settings: PersonSettings) -> Mapping[str, str]:
    grown = settings.child == "adult"
    groups = (
        (settings.baby, "baby"),
        (settings.female, "female"),
        (settings.male, "male"),
        (settings.boy, "male" if grown else "child"),
        (settings.girl, "female" if grown else "child"),
        (settings.child_words, "child"),
    )
    return {word: kind for words, kind in groups for word in words}


PERSONS = "persons.jsonl"
