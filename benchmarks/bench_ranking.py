"""Ranking 1,500 clips for each of 12,000 objects, against a hash for each pair in plain Python.

Ours is `ClipPools.pair` on 12,000 scenes with one sounding object each, all of one class. The
baseline computes the same hash with Python's integers, as a script without numpy would: an object's
part of the hash once, then one mixing step a pair. It takes half a minute for all pairs, so it is
given the first objects only and compared by rate.

Checked: those objects get the same clips from both.
"""

import argparse
import statistics

from measuring import Rows, ours_at_most, refuse_difference, seconds

from vpo_builder.planning.pairing import ClipPools
from vpo_builder.records import Candidate, Clip, ObjectMask, Photo, Scene
from vpo_builder.runtime.stateless_hash import text_key

SEED, CLASS = 0, "dog"
MOST_SECONDS = 1.0
WORD = 2**64 - 1


def scene(number: int) -> Scene:
    """One sounding object in an image of its own."""
    mask = ObjectMask(7 * number + 1, 3 * number + 5, 18, 1e4, 0, b"[]")
    return Scene(Photo(3 * number + 5, 640, 480, "x.jpg"), "train", (Candidate(mask, CLASS),), ())


def clip(number: int) -> Clip:
    """A clip of the class, in the scenes' subset."""
    name = f"{number:011d}"
    return Clip(f"{name}_000010", CLASS, "train", None)


def mixed(state: int) -> int:
    """The finaliser of splitmix64."""
    state = (state + 0x9E3779B97F4A7C15) & WORD
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & WORD
    return state ^ (state >> 31)


def plain_pairs(scenes: list[Scene], clips: list[Clip]) -> list[tuple[str, ...]]:
    """The clip of lowest hash for each scene's object, pair by pair."""
    keys = [(text_key(item.clip_id), item.clip_id) for item in clips]
    beginning = mixed(text_key("clip") ^ SEED)
    chosen = []
    for item in scenes:
        state = mixed(mixed(beginning ^ item.photo.id) ^ item.sounding[0].mask.id)
        chosen.append((min((mixed(state ^ key), name) for key, name in keys)[1],))
    return chosen


def main() -> None:
    """Measure ours on all pairs and the baseline on the first objects."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--objects", type=int, default=12_000)
    parser.add_argument("--clips", type=int, default=1_500)
    parser.add_argument("--plain-objects", type=int, default=200)
    options = parser.parse_args()
    scenes = [scene(number) for number in range(options.objects)]
    clips = [clip(number) for number in range(options.clips)]
    pools, few = ClipPools(clips, SEED), scenes[: options.plain_objects]
    refuse_difference("clips", pools.pair(few), plain_pairs(few, clips))
    times = [
        (seconds(lambda: pools.pair(scenes)), seconds(lambda: plain_pairs(few, clips)))
        for _ in range(options.repeats)
    ]
    ours, plain = (statistics.median(side) for side in zip(*times, strict=True))
    title = f"clip ranking, {options.objects:,} objects x {options.clips:,} clips"
    rows = Rows(title, "the same hash in plain Python, pair by pair")
    every = plain * len(scenes) / len(few)
    rows.add("time", ours, every, "s", ours_at_most(MOST_SECONDS, "s"))


if __name__ == "__main__":
    main()
