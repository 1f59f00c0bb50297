"""What the documents say in words, by split."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vpo_builder.dataset.instances import INSTANCES
from vpo_builder.dataset.schema import ManifestMeta, Split
from vpo_builder.dataset.sound_credits import SOUNDS, has_sound_list
from vpo_builder.dataset.tiled_clips import TILED, tiled_count
from vpo_builder.documents.picture_sources import PictureSources, mask_values
from vpo_builder.documents.sound_sources import SoundSource, licences_of, named
from vpo_builder.runtime.outside_text import markdown_text

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


def citation(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> str:
    """Return the BibTeX of the works that a dataset comes from."""
    if is_avsbench(meta.split):
        return "\n".join(CITATIONS[work] for work in ("avsbench", "vpo"))
    pictures = PictureSources.of(meta)
    coco = [CITATIONS["coco"]] if pictures.coco or pictures.known else []
    of_sounds = [source.citation for source in sounds if source.citation]
    return "\n".join([CITATIONS["vpo"], *coco, *pictures.citations, *of_sounds])


def source_licences(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> str:
    """Return what holds for the sources of a dataset as a whole."""
    if is_avsbench(meta.split):
        return AVSBENCH_LICENCES
    return " ".join([*PictureSources.of(meta).licences, licences_of(sounds)])


def summary(meta: ManifestMeta, sounds: Sequence[SoundSource]) -> str:
    """Return what a dataset is, in a sentence or two."""
    fewest = str(settings_of(meta, "selection").get("min_sources", 1 if meta.imported else 2))
    number = {"1": "one", "2": "two"}.get(fewest) or markdown_text(fewest)
    pictures = PictureSources.of(meta).title
    return _SUMMARIES[meta.split].format(fewest=number, pictures=pictures, heard=named(sounds))


def settings_of(meta: ManifestMeta, group: str) -> Mapping[str, Any]:
    """Return a group of the settings, which a manifest from outside may not have."""
    settings = meta.config.get(group)
    return settings if isinstance(settings, dict) else {}


def file_rows(meta: ManifestMeta) -> Iterator[tuple[str, str]]:
    """Yield (path, content) for the files of a dataset."""
    if is_avsbench(meta.split):
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


def is_avsbench(split: Split) -> bool:
    """Return whether a dataset is made of AVSBench's videos."""
    return split == "avsbench-single-plus"
