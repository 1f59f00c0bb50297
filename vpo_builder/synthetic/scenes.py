"""What is in each picture: objects, their number and size, captions, and the awkward cases.

A scene is a function of (seed, index) alone, so a corpus of 400 pictures begins a corpus of 3000.

Every awkward case that real data holds recurs at fixed places of each `_PERIOD` pictures, in
train2017 and in val2017:

- `crowd`: a crowd annotation (RLE) of a class of the table
- `overlap`: an object that covers half of another one
- `tiny`: an object below 0.5 % of the picture
- `no_area`: an annotation with neither polygon nor area
- `couple`: one person annotated, captions that speak of a man and a woman
- `child`: one person annotated, captions that speak of a boy or a girl
- `animal_words`: captions with "baby elephant", "male zebra" beside a person
- `repeated`: two or three instances of one class side by side (also 15 % of all pictures)
- `missing`: a listed picture without a file
- `corrupt`: a JPEG cut short

The awkward clips are listed in `recordings`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from vpo_builder.synthetic.backdrops import PLACES
from vpo_builder.synthetic.figures import CLUTTER, SOUNDING

Form = Literal["polygons", "crowd", "no_area"]
PERSONS = ("baby", "female", "male")

_PLAN, _DECKS = 1, (2, 3)
"""Streams of random numbers, one for each use of an index."""

_PERIOD = 400
_AWKWARD = {
    4: "crowd", 7: "crowd", 8: "overlap", 11: "overlap", 12: "tiny", 15: "tiny",
    16: "no_area", 19: "no_area", 20: "couple", 23: "couple", 24: "child", 27: "child",
    28: "animal_words", 31: "animal_words", 32: "repeated", 35: "repeated",
    108: "missing", 110: "corrupt", 203: "missing", 207: "corrupt",
}  # fmt: skip
"""Two missing and two corrupt pictures in 400 stay well below the builder's limit of 5 %."""

_SIZES = ((192, 160), (192, 160), (160, 192), (208, 160), (176, 176), (192, 144), (144, 192))
_COUNT_SHARES = (0.10, 0.32, 0.38, 0.20)
"""Shares of pictures with 1, 2, 3 and 4 objects of the table: with several classes in most
pictures, only the sound tells which of them is meant."""
_SIZE_RANGES = {1: (0.5, 0.75), 2: (0.42, 0.62), 3: (0.38, 0.54), 4: (0.34, 0.48)}
_REPEATED_SHARE = 0.15

_NOUNS = {
    "airplane": "airplane/plane/jet", "baby": "baby/toddler/infant", "bird": "bird/small bird",
    "bus": "bus/coach", "car": "car/parked car", "cat": "cat/kitty", "cell phone":
    "cell phone/smartphone", "cow": "cow/spotted cow", "dog": "dog/puppy", "elephant":
    "elephant/big elephant", "female": "woman/lady", "horse": "horse/brown horse", "keyboard":
    "keyboard/computer keyboard", "male": "man/guy/gentleman", "motorcycle": "motorcycle/motorbike",
    "mouse": "computer mouse/mouse", "sheep": "sheep/woolly sheep", "skateboard": "skateboard",
    "sports ball": "ball/sports ball", "tennis racket": "tennis racket/racket", "zebra": "zebra",
}  # fmt: skip
_WHERE = {
    "meadow": "in a grassy field", "street": "on a city street", "room": "in a room",
    "court": "on a sports court",
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """An object of a scene; `size`, `column` and `on_top` as in `layout.Wish`."""

    name: str
    size: float
    column: float | None = None
    on_top: bool = False
    form: Form = "polygons"


@dataclass(frozen=True)
class Scene:
    """A picture to be: `subset` is COCO's folder, `items` stand in that order."""

    image_id: int
    subset: Literal["train2017", "val2017"]
    width: int
    height: int
    place: str
    items: tuple[Item, ...]
    captions: tuple[str, ...]
    awkward: str | None


def plan_scene(seed: int, index: int, *, awkward: bool = True) -> Scene:
    """Return scene number `index` (from 0); every fourth belongs to val2017."""
    rng = np.random.default_rng([seed, index, _PLAN])
    case = _AWKWARD.get(index % _PERIOD) if awkward else None
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    place = str(rng.choice(PLACES))
    repeated = rng.random() < _REPEATED_SHARE and case is None
    items = _sized(_classes(seed, index, rng), rng)
    if case is not None:
        items = _made_awkward(items, case, rng)
    if case == "repeated" or (repeated and awkward):
        items = _with_repeats(items, rng)
    clutter = [
        Item(str(name), rng.uniform(0.2, 0.34))
        for name in rng.choice(list(CLUTTER), size=int(rng.integers(0, 3)), replace=False)
    ]
    return Scene(
        # A step that shares no divisor with the range: a million distinct ids, out of order.
        image_id=1 + (index * 7919 + 1237) % 1_000_003,
        subset="val2017" if index % 4 == 3 else "train2017",
        width=width,
        height=height,
        place=place,
        items=(*clutter, *items),
        captions=tuple(_captions(items, place, case, rng)),
        awkward=case,
    )


def _classes(seed: int, index: int, rng: Generator) -> list[str]:
    """Return one to four distinct classes, at most one of them a person.

    The first comes from a deck that deals each class once in 21 pictures of a subset.
    """
    names = sorted(SOUNDING)
    subset, turn = (1, index // 4) if index % 4 == 3 else (0, index - (index + 1) // 4)
    deck = np.random.default_rng([seed, turn // len(names), _DECKS[subset]]).permutation(names)
    chosen = [str(deck[turn % len(names)])]
    count = 1 + int(rng.choice(4, p=_COUNT_SHARES))
    for name in map(str, rng.permutation(names)):
        if len(chosen) == count:
            break
        if name not in chosen and not (name in PERSONS and _persons(chosen)):
            chosen.append(name)
    return chosen


def _sized(names: list[str], rng: Generator) -> list[Item]:
    low, high = _SIZE_RANGES[len(names)]
    return [Item(name, rng.uniform(low, high)) for name in names]


def _persons(names: list[str]) -> list[str]:
    return [name for name in names if name in PERSONS]


def _with_repeats(items: list[Item], rng: Generator) -> list[Item]:
    """Return the first item two or three times, left to right, and one of the others."""
    copies = int(rng.integers(2, 4))
    size = rng.uniform(0.34, 0.46) if copies == 2 else rng.uniform(0.3, 0.36)
    columns = np.linspace(0.06, 0.94, copies)
    repeats = [Item(items[0].name, size, column=float(column)) for column in columns]
    rest = [replace(item, size=min(item.size, 0.4)) for item in items[1:2]]
    return [*repeats, *rest]


def _made_awkward(items: list[Item], case: str, rng: Generator) -> list[Item]:
    """Return the items with one of the cases of the module's list; captions come later."""
    names = [item.name for item in items]
    spare = [n for n in sorted(SOUNDING) if n not in names and n not in PERSONS]
    other = str(rng.choice(spare))
    if case == "crowd":
        herd = str(rng.choice([n for n in ("cow", "sheep", "zebra", "bird") if n not in names]))
        return [Item(herd, 0.5, form="crowd"), *items[:2]]
    if case == "overlap":
        return [*items[:2], Item(other, 0.6 * items[:2][-1].size, on_top=True)]
    if case == "tiny":
        return [*items[:3], Item(other, 0.055)]
    if case == "no_area":
        return [*items[:3], Item(other, 0.3, form="no_area")]
    if case in ("couple", "child", "animal_words"):
        person = str(rng.choice(("female", "male")))
        animal = "elephant" if case == "animal_words" else other
        return [Item(person, 0.5), Item(animal, 0.5)]
    return items


def _captions(items: list[Item], place: str, case: str | None, rng: Generator) -> Iterator[str]:
    """Yield five captions; three of them name every object, two only some."""
    names = list(dict.fromkeys(item.name for item in items if _worth_a_word(item)))
    plural = {n for n in names if sum(item.name == n for item in items) > 1}
    plural |= {item.name for item in items if item.form == "crowd"}
    for number in range(5):
        order = [str(name) for name in rng.permutation(names)]
        if number >= 3 and len(order) > 1:
            order.pop()
        phrases = [_phrase(name, name in plural, case, rng) for name in order]
        listed = " and ".join([", ".join(phrases[:-1]), phrases[-1]] if phrases[1:] else phrases)
        opening = str(rng.choice(("A picture of ", "A view of ", "A photo showing ", "")))
        sentence = f"{opening}{listed} {_WHERE[place]}"
        yield sentence[0].upper() + sentence[1:] + str(rng.choice((".", ". ", "")))


def _worth_a_word(item: Item) -> bool:
    return item.size > 0.1 and item.form != "no_area"


def _phrase(name: str, plural: bool, case: str | None, rng: Generator) -> str:
    if name in PERSONS and case == "couple":
        return str(rng.choice(("a man and a woman", "a woman with a man")))
    if name in PERSONS and case == "child":
        return "a young boy" if name == "male" else "a little girl"
    if name == "elephant" and case == "animal_words":
        return str(rng.choice(("a baby elephant", "a male elephant", "a mother elephant")))
    noun = str(rng.choice(_NOUNS[name].split("/")))
    if not plural:
        return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
    head, _, last = noun.rpartition(" ")
    return f"several {head} {_plural(last)}".replace("  ", " ")


def _plural(noun: str) -> str:
    irregular = {
        "man": "men", "woman": "women", "gentleman": "gentlemen", "lady": "ladies",
        "baby": "babies", "sheep": "sheep", "mouse": "mice", "bus": "buses", "coach": "coaches",
        "kitty": "kitties", "puppy": "puppies",
    }  # fmt: skip
    return irregular.get(noun, noun + "s")
