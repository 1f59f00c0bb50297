"""Tells male, female and baby apart by an image's captions. Pure."""

import string
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Final, Literal

from vpo_builder.classes import PERSON
from vpo_builder.config import PersonSettings
from vpo_builder.records import PersonDecision

AMBIGUOUS: Final = "ambiguous"
Verdict = Literal["baby", "female", "male", "person", "ambiguous"]


_CLAUSE_ENDS = ",;:.!()"  # and "?"


_NEXT = "|"  # between two captions


def _letter(code: int) -> str:
    """Return what a character, made small, counts as; "?" stands for those outside ASCII."""
    character = chr(code)
    if character in _CLAUSE_ENDS:
        return "."
    return character if character in string.ascii_lowercase + _NEXT else " "


_LETTERS = "".join(map(_letter, range(256))).encode("ascii")
_WORDS = _LETTERS.replace(b".", b" ")

_Said = tuple[tuple[str, ...], frozenset[str]]
"""The words of a caption that mean a person, and what they mean."""


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
        self._telling = self._misleading | self._kinds.keys() | {_NEXT}
        self._said: dict[str, _Said] = {}

    def resolve(self, image_id: int, captions: Sequence[str]) -> PersonDecision:
        """Return the verdict (a class name or "ambiguous") and the words found per caption."""
        if self._settings.policy == "merge":
            return PersonDecision(image_id, PERSON, ())
        told = self._told(captions)
        verdict = self._verdict([kind for _, kinds in told for kind in kinds])
        found = tuple(zip(captions, [words for words, _ in told], strict=True))
        return PersonDecision(image_id, verdict, found)

    def _told(self, captions: Sequence[str]) -> list[_Said]:
        """Return what each caption says of persons."""
        if not captions:
            return []
        text = _in_ascii(captions)
        words = text.translate(_WORDS).decode("ascii").split()
        telling = list(filter(self._telling.__contains__, words))
        if self._misleading.isdisjoint(telling):  # as most are: neighbours change nothing
            parts = " ".join(telling).split(_NEXT)
        else:
            parts = [" ".join(self._words(tokens)) for tokens in _tokens(text)]
        known = self._said
        return [known.get(part) or self._meant(part) for part in parts]

    def _meant(self, part: str) -> _Said:
        words = tuple(part.split())
        self._said[part] = words, frozenset(map(self._kinds.__getitem__, words))
        return self._said[part]

    def _words(self, tokens: list[str]) -> list[str]:
        """Return the words of a caption that mean a person."""
        return [
            token
            for place, token in enumerate(tokens)
            if token in self._kinds and self._is_a_person(tokens, place)
        ]

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


def _in_ascii(captions: Sequence[str]) -> bytes:
    """Return captions as one text in small letters, which halves the time; "?" for no ASCII."""
    text = f" {_NEXT} ".join(captions)
    if text.count(_NEXT) >= len(captions):
        text = f" {_NEXT} ".join([caption.replace(_NEXT, " ") for caption in captions])
    return text.lower().replace("?", ".").encode("ascii", "replace")


def _tokens(text: bytes) -> list[list[str]]:
    """Return each caption's words, and a point where a clause ends."""
    letters = text.translate(_LETTERS).decode("ascii").replace(".", " . ")
    return [caption.split() for caption in letters.split(_NEXT)]


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
