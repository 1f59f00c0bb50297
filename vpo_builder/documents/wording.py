"""What the documents say in words, by split."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from vpo_builder.config import load_config
from vpo_builder.dataset.instances import INSTANCES
from vpo_builder.dataset.published_lists import CLEAN_LIST
from vpo_builder.dataset.schema import ManifestMeta, Split
from vpo_builder.dataset.sound_credits import SOUNDS, has_sound_list
from vpo_builder.dataset.tiled_clips import TILED, tiled_count
from vpo_builder.documents.picture_sources import PictureSources, mask_values
from vpo_builder.documents.sound_sources import SoundSource, licences_of, named
from vpo_builder.runtime.outside_text import markdown_text

RULES = ("subsets", "filters", "person", "selection", "limits")
"""The settings that say what is in a dataset; the others say how it is made and checked."""
_SUMMARIES: dict[Split, str] = {
    "ss": (
        "Photographs of {pictures} in which one object sounds: a recording of {heard} is paired "
        "with it by class, and its mask is the label. Every other object stays visible and silent."
    ),
    "ms": (
        "Photographs of {pictures} in which {fewest} or more objects of different classes sound: "
        "each is paired by class with a recording of {heard}, and one mask holds them all."
    ),
    "msmi": (
        "Photographs of {pictures} in which several objects sound, also of one class: each is "
        "paired with its own recording of {heard}, and its place in the picture with a place "
        "between left and right."
    ),
    "avsbench-single-plus": (
        "Annotated frames of AVSBench's single-source videos with a class for every pixel instead "
        "of foreground and background, and the second of sound around each frame."
    ),
}
AVSBENCH_LICENCES = (
    "AVSBench is under CC BY-NC 4.0, and its videos belong to those who uploaded them."
)
PERSON_NOTES = {
    "captions": (
        "male, female and baby are what five captions perceive in a picture, counted by words; "
        "they are nobody's identity. `persons.jsonl` keeps the words found for every decision."
    ),
    "merge": "Persons are one class, whoever they are and whatever their voice.",
    "drop": "Persons stay in the pictures, silent and unlabelled.",
}
CITATIONS = {
    "vpo": """\
@inproceedings{chen2024unraveling,
  title     = {Unraveling Instance Associations: A Closer Look for Audio-Visual Segmentation},
  author    = {Chen, Yuanhong and Liu, Yuyuan and Wang, Hu and Liu, Fengbei and Wang, Chong and
               Frazer, Helen and Carneiro, Gustavo},
  booktitle = {CVPR},
  year      = {2024}
}""",
    "avsbench": """\
@inproceedings{zhou2022audio,
  title     = {Audio-Visual Segmentation},
  author    = {Zhou, Jinxing and Wang, Jianyuan and Zhang, Jiayi and Sun, Weixuan and Zhang, Jing
               and Birchfield, Stan and Guo, Dan and Kong, Lingpeng and Wang, Meng and
               Zhong, Yiran},
  booktitle = {ECCV},
  year      = {2022}
}""",
    "coco": """\
@inproceedings{lin2014microsoft,
  title     = {Microsoft {COCO}: Common Objects in Context},
  author    = {Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and
               Perona, Pietro and Ramanan, Deva and Doll{\\'a}r, Piotr and Zitnick, C. Lawrence},
  booktitle = {ECCV},
  year      = {2014}
}""",
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


def citation(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> str:
    """Return the BibTeX of the works that a dataset comes from."""
    if _is_avsbench(meta.split):
        return "\n".join(CITATIONS[work] for work in ("avsbench", "vpo"))
    pictures = PictureSources.of(meta)
    coco = [CITATIONS["coco"]] if pictures.coco or pictures.known else []
    of_sounds = [source.citation for source in sounds if source.citation]
    return "\n".join([CITATIONS["vpo"], *coco, *pictures.citations, *of_sounds])


def source_licences(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> str:
    """Return what holds for the sources of a dataset as a whole."""
    if _is_avsbench(meta.split):
        return AVSBENCH_LICENCES
    return " ".join([*PictureSources.of(meta).licences, licences_of(sounds)])


def summary(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> str:
    """Return what a dataset is, in a sentence or two."""
    fewest = str(_settings(meta, "selection").get("min_sources", 1 if meta.imported else 2))
    number = {"1": "one", "2": "two"}.get(fewest) or markdown_text(fewest)
    pictures = PictureSources.of(meta).title
    return _SUMMARIES[meta.split].format(fewest=number, pictures=pictures, heard=named(sounds))


def notes(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> Iterator[str]:
    """Yield what a reader should know before she uses the dataset."""
    if _is_avsbench(meta.split):
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
    policy = _settings(meta, "person").get("policy")
    if policy in PERSON_NOTES:
        yield PERSON_NOTES[policy]
    if meta.split == "ss" and _settings(meta, "selection").get("counterfactual_test", True):
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


def _settings(meta: ManifestMeta, group: str) -> Mapping[str, Any]:
    """Return a group of the settings, which a manifest from outside may not have."""
    settings = meta.config.get(group)
    return settings if isinstance(settings, dict) else {}


def _other_rules(meta: ManifestMeta) -> Iterator[str]:
    """Yield each setting of the rules that is not the default's, with both values."""
    default = asdict(load_config("default"))
    for group in RULES:
        for name, value in _settings(meta, group).items():
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
    fraction = _settings(meta, "subsets").get("val_fraction")
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


def file_rows(meta: ManifestMeta) -> Iterator[tuple[str, str]]:
    """Yield (path, content) for the files of a dataset."""
    if _is_avsbench(meta.split):
        yield "frames/, audios/", "frames, and the second of sound around each"
        yield "labels/, salient_labels/", "masks: class index; foreground or background"
        yield "data.csv", "names, categories and subsets as published loaders read them"
    else:
        folders = "<class>/" if meta.split == "ss" else ""
        whose = "the published copy" if meta.imported else PictureSources.of(meta).title
        whose = "COCO" if whose == "COCO 2017" else whose
        yield f"data/{folders}", f"photographs, byte for byte those of {whose}"
        yield (
            f"mask/{folders}",
            f"palette PNG; a pixel's value is {mask_values(meta)}",
        )
        if meta.split == "msmi" and not meta.imported:
            yield (
                INSTANCES,
                "each sounding object and silent twin's own outline: COCO's run-length code",
            )
        yield f"{meta.audio}/", "recordings, mono PCM16, shared by the splits of one folder"
        yield f"vpo_{meta.split}_data_stereo.csv", "one row a source, as published loaders read it"
        if tiled_count(meta):
            yield TILED, "the clips that repeat a recording of less than 3 s, and its seconds"
        if has_sound_list(meta):
            yield SOUNDS, "whose each recording is, and with which others it stays in one subset"
        if not meta.imported:
            yield "persons.jsonl", "how each picture of persons was decided"
    yield "manifest.jsonl", "one sample a line: subset, image, mask, sources with clip and pan"
    yield "manifest.meta.json", "what the dataset was made from; written last"
    yield "rejections.jsonl", "what was left out, and why"
    yield "ATTRIBUTION.csv", "whose picture and whose recording each file is"
    yield "croissant.json, croissant-samples.json", "this description for programs (Croissant 1.1)"
    yield "SHA256SUMS", "the hash of every file"


def _is_avsbench(split: Split) -> bool:
    return split == "avsbench-single-plus"
