"""What a reader should know of a dataset before she uses it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import msgspec

from vpo_builder.config import load_config
from vpo_builder.dataset.published_lists import CLEAN_LIST
from vpo_builder.dataset.schema import ManifestMeta
from vpo_builder.dataset.tiled_clips import TILED, tiled_count
from vpo_builder.documents.sound_sources import SoundSource, named
from vpo_builder.documents.wording import is_avsbench, settings_of
from vpo_builder.runtime.outside_text import markdown_text

RULES = ("subsets", "filters", "person", "selection", "limits")
"""The settings that say what is in a dataset; the others say how it is made and checked."""
PERSON_NOTES = {
    "captions": (
        "male, female and baby are what five captions perceive in a picture, counted by words; "
        "they are nobody's identity. `persons.jsonl` keeps the words found for every decision."
    ),
    "merge": "Persons are one class, whoever they are and whatever their voice.",
    "drop": "Persons stay in the pictures, silent and unlabelled.",
}
IMPORTED_NOTES = (
    "This is an import of a published copy: pictures, masks, sounds, subsets and the choice of "
    "what sounds are its authors'. The rules behind them are not published.",
    "What else in a picture could have sounded is not known, so that samples with a silent object "
    "are not told from those in which everything sounds.",
    "VPO's authors took their test pictures from COCO's train2017, so that a model trained on "
    "another VPO may have seen them: vpo-data reconcile tells which.",
    "A recording of less than 3 s is tiled by this program's readers; the published ones repeat "
    "its end alone.",
)


def notes(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> Iterator[str]:
    """Yield what a reader should know before she uses the dataset."""
    if is_avsbench(meta.split):
        yield from _single_plus_notes(meta)
        return
    if meta.imported:
        yield from _imported_notes(meta)
        return
    yield (
        "The papers publish neither their label lists nor their rules for persons and subsets: "
        "those here are this program's, and scores are comparable between builds of one manifest."
    )
    other = "; ".join(_other_rules(meta))
    if other:
        yield f"Built by other rules than the default ones: {other}."
    yield (
        "Picture and sound come from different recordings and share a class, nothing else; what "
        f"{named(sounds)} calls by a label may hold other sounds too."
    )
    if "exclude" in meta.inputs:
        yield "Pictures of a list of published samples were kept out of train and val."
    if meta.funnel.get("images", {}).get("annotated_in_part"):
        yield (
            "The masks do not hold every object of every class: pictures that may show more of a "
            "class than is annotated are left out, as those with repeated instances."
        )
    policy = settings_of(meta, "person").get("policy")
    if policy in PERSON_NOTES:
        yield PERSON_NOTES[policy]
    if meta.split == "ss" and settings_of(meta, "selection").get("counterfactual_test", True):
        yield (
            "In test each object that could sound has its own sample of the same picture "
            "(`image_id` is shared), which tells listening from looking."
        )
    yield (
        "A sample in which everything that could sound does sound needs no ears; `silent` in the "
        "manifest tells them apart, and scores are best given for both groups."
    )
    tiled = tiled_count(meta)
    if tiled:
        yield (
            f"Clips of less than 3 s, {tiled} of those in use, are repeated to that length, so "
            f"that every reader hears the same; `{TILED}` names them, with the seconds they lasted."
        )
    yield (
        "The csv is for published loaders, which read val as test: its column `split` says train "
        "for val. The subsets are those of `manifest.jsonl`."
    )


def _other_rules(meta: ManifestMeta) -> Iterator[str]:
    """Yield each setting of the rules that is not the default's, with both values."""
    default = asdict(load_config("default"))
    for group in RULES:
        for name, value in settings_of(meta, group).items():
            usual = default[group].get(name, value)
            if value == (list(usual) if isinstance(usual, tuple) else usual):
                continue
            if isinstance(value, dict | list):
                yield f"`{group}.{name}` (its values are in `manifest.meta.json`)"
            else:
                yield f"`{group}.{name}` is {_as_written(value)}, not {_as_written(usual)}"


def _as_written(value: object) -> str:
    return markdown_text(msgspec.json.encode(value).decode())


def _imported_notes(meta: ManifestMeta) -> Iterator[str]:
    yield from IMPORTED_NOTES
    fraction = settings_of(meta, "subsets").get("val_fraction")
    if isinstance(fraction, float) and fraction:
        yield (
            f"val is {100 * fraction:g} % of the copy's train pictures; recordings are heard in "
            "both."
        )
    if CLEAN_LIST in meta.inputs:
        yield (
            "The copy holds mixes, not the recordings that they are made of: clips named mix… were "
            "solved from them, and mixed they give the copy's sound; annotation ids are not known, "
            "and of instances of one class one stands for all."
        )
    if not any(name.startswith("coco/") for name in meta.inputs):
        yield (
            "The licences of the photographs are not known: vpo-data import --coco reads them from "
            "COCO's annotations."
        )


def _single_plus_notes(meta: ManifestMeta) -> Iterator[str]:
    yield "The published link to Single+ was empty; this follows the description of its papers."
    window = meta.config.get("audio")
    if window:
        yield (
            f"The sound of frame i lasts {window['seconds']:g} s and begins "
            f"{window['start_seconds']:g} s into second i of its video, near whose end S4 takes "
            "the frame; where the recording ends too early, it is the last that there is."
        )
    yield (
        "Frames have the size they have in the copy of S4 that was used; a mask of another size "
        "was scaled to its frame, nearest."
    )
    yield (
        "A salient label holds 1 where something sounds, shown in white: 255 would mean that no "
        "metric counts the pixel."
    )
