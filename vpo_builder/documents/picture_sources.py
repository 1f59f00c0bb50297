"""What the documents say of where pictures and masks come from, read off a manifest's inputs."""

from collections.abc import Iterator
from dataclasses import dataclass

from vpo_builder.dataset.schema import ManifestMeta
from vpo_builder.runtime.outside_text import markdown_text

COCO_ANNOTATIONS = (
    "COCO's annotations are under CC BY 4.0 and its photographs under the licence of each."
)
LARGEST_COCO_VALUE = 94
"""COCO's largest id is 90, and 92 to 94 are the published ones of male, female and baby."""


@dataclass(frozen=True)
class KnownList:
    """A public list of masks over COCO's pictures: its name, its licence and what to cite."""

    name: str
    licence: str
    citation: str


LVIS = KnownList(
    "LVIS v1",
    "LVIS's annotations are under CC BY 4.0, over COCO's photographs.",
    """\
@inproceedings{gupta2019lvis,
  title     = {{LVIS}: A Dataset for Large Vocabulary Instance Segmentation},
  author    = {Gupta, Agrim and Doll{\\'a}r, Piotr and Girshick, Ross},
  booktitle = {CVPR},
  year      = {2019}
}""",
)
COCO_REM = KnownList(
    "COCO-ReM",
    "COCO-ReM's masks are under CC BY 4.0, over COCO's photographs.",
    """\
@inproceedings{singh2024benchmarking,
  title     = {Benchmarking Object Detectors with {COCO}: A New Path Forward},
  author    = {Singh, Shweta and Yadav, Aayan and Jain, Jitesh and Shi, Humphrey and
               Johnson, Justin and Desai, Karan},
  booktitle = {ECCV},
  year      = {2024}
}""",
)
KNOWN = {
    "lvis_v1_train.json": LVIS,
    "lvis_v1_val.json": LVIS,
    "instances_trainrem.json": COCO_REM,
    "instances_valrem.json": COCO_REM,
}


@dataclass(frozen=True)
class PictureSources:
    """Where the pictures of a dataset come from: COCO's lists, public ones over it, others."""

    coco: bool
    known: tuple[KnownList, ...]
    own: tuple[str, ...]

    @classmethod
    def of(cls, meta: ManifestMeta) -> "PictureSources":
        """Return those that a manifest names; without any name it is COCO, as in an import."""
        lists = [name.split("/", 2) for name in meta.inputs if name.startswith("images/")]
        names = sorted({parts[1] for parts in lists})
        files = {parts[1]: KNOWN[parts[2]] for parts in lists if KNOWN.get("".join(parts[2:]))}
        known = tuple(dict.fromkeys(files[name] for name in names if name in files))
        own = tuple(name for name in names if name not in files)
        coco = any(name.startswith("coco/") for name in meta.inputs)
        return cls(coco or not lists, known, own)

    @property
    def title(self) -> str:
        """What to call the pictures."""
        own = [f"the list {markdown_text(name)}" for name in self.own]
        names = ["COCO 2017"] * self.coco + [row.name for row in self.known] + own
        return " and ".join(names)

    @property
    def licences(self) -> Iterator[str]:
        """What holds for pictures and masks as a whole."""
        if self.coco or self.known:
            yield COCO_ANNOTATIONS
        yield from (row.licence for row in self.known)
        if self.own:
            yield (
                "Of other lists of masks, no licence is known but what `ATTRIBUTION.csv` says of "
                "each picture."
            )

    @property
    def citations(self) -> tuple[str, ...]:
        """What to cite beside COCO."""
        return tuple(row.citation for row in self.known)


def mask_values(meta: ManifestMeta) -> str:
    """Return what a pixel of a mask holds."""
    published = max(row.mask_value for row in meta.classes) <= LARGEST_COCO_VALUE
    if published and not PictureSources.of(meta).own:
        return "the class's COCO id, 92–94 persons"
    return "the class's `mask_value` in `manifest.meta.json`"
