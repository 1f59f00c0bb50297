"""The sets that recordings come from: what is to be said of each, and what to cite."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.sound_credits import SoundCredit
from vpo_builder.runtime.outside_text import markdown_text

VGGSOUND = "VGGSound"


@dataclass(frozen=True)
class SoundSource:
    """A set by its name: where people put its recordings, what holds for them, its BibTeX."""

    name: str
    place: str
    licences: str
    citation: str = ""


_KNOWN = {
    source.name: source
    for source in (
        SoundSource(
            VGGSOUND,
            "YouTube",
            "VGGSound's list is under CC BY 4.0; the recordings belong to those who uploaded them, "
            "and neither project passes them on.",
            """\
@inproceedings{chen2020vggsound,
  title     = {{VGGSound}: A Large-Scale Audio-Visual Dataset},
  author    = {Chen, Honglie and Xie, Weidi and Vedaldi, Andrea and Zisserman, Andrew},
  booktitle = {ICASSP},
  year      = {2020}
}""",
        ),
        SoundSource(
            "FSD50K",
            "Freesound",
            "FSD50K's lists are under CC BY 4.0, and each of its recordings under the Creative "
            "Commons licence that its author gave it.",
            """\
@article{fonseca2022fsd50k,
  title   = {{FSD50K}: An Open Dataset of Human-Labeled Sound Events},
  author  = {Fonseca, Eduardo and Favory, Xavier and Pons, Jordi and Font, Frederic and
             Serra, Xavier},
  journal = {IEEE/ACM Transactions on Audio, Speech, and Language Processing},
  volume  = {30},
  year    = {2022}
}""",
        ),
        SoundSource(
            "AudioSet",
            "YouTube",
            "AudioSet's lists are under CC BY 4.0; the recordings belong to those who uploaded "
            "them.",
            """\
@inproceedings{gemmeke2017audioset,
  title     = {{Audio Set}: An Ontology and Human-Labeled Dataset for Audio Events},
  author    = {Gemmeke, Jort F. and Ellis, Daniel P. W. and Freedman, Dylan and Jansen, Aren and
               Lawrence, Wade and Moore, R. Channing and Plakal, Manoj and Ritter, Marvin},
  booktitle = {ICASSP},
  year      = {2017}
}""",
        ),
        SoundSource(
            "VGGSounder",
            "YouTube",
            "VGGSounder labels recordings of VGGSound, which belong to those who uploaded them.",
        ),
        SoundSource(
            "ESC-50",
            "Freesound",
            "ESC-50 as a whole is under CC BY-NC 3.0, its part ESC-10 under CC BY 3.0; each clip "
            "is cut from a recording whose author gave it a licence too.",
            """\
@inproceedings{piczak2015esc,
  title     = {{ESC}: Dataset for Environmental Sound Classification},
  author    = {Piczak, Karol J.},
  booktitle = {ACM Multimedia},
  year      = {2015}
}""",
        ),
    )
}


def sound_sources(
    manifest: Manifest, credits: Mapping[str, SoundCredit]
) -> tuple[SoundSource, ...]:
    """Return the sets that a dataset's recordings come from, VGGSound first."""
    used = {source.clip_id for sample in manifest.samples for source in sample.sources}
    names = sorted({credits[clip_id].source for clip_id in used & credits.keys()})
    first = [VGGSOUND] if not credits or used - credits.keys() else []
    return tuple(_KNOWN.get(name) or _own(name) for name in [*first, *names])


def named(sources: Iterable[SoundSource]) -> str:
    """Return the names of sets, as a list within a sentence."""
    *others, last = (markdown_text(source.name) for source in sources)
    return f"{', '.join(others)} and {last}" if others else last


def licences_of(sources: Sequence[SoundSource]) -> str:
    """Return what holds for the recordings of some sets."""
    return " ".join(source.licences for source in sources)


def _own(name: str) -> SoundSource:
    return SoundSource(
        name,
        "",
        f"Each recording of {markdown_text(name)} is under the licence that it names for it.",
    )
