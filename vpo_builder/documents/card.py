"""Writes a dataset's card: README.md with the front matter that the Hub reads."""

from collections.abc import Iterator, Sequence
from typing import Any

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.documents.licences import Licence, conditions, strictest_first
from vpo_builder.documents.notes import notes
from vpo_builder.documents.sound_sources import SoundSource
from vpo_builder.documents.wording import (
    citation,
    file_rows,
    source_licences,
    summary,
)
from vpo_builder.runtime.outside_text import markdown_text
from vpo_builder.statistics.counts import (
    MIN_TEST_SAMPLES,
    MIN_VAL_SAMPLES,
    Statistics,
    count,
    scarcities,
)

# The steps of the Hub's `size_categories`.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def encode_card(
    manifest: Manifest,
    licences: Sequence[Licence],
    of_clips: Sequence[Licence],
    sounds: Sequence[SoundSource],
) -> bytes:
    """Return README.md for a dataset; licences of images and of clips come strictest first."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # 0.1 s: not for --help

    environment = Environment(
        loader=PackageLoader("vpo_builder.documents", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; the filter `outside` makes text that is not ours safe
    )
    environment.filters["outside"] = markdown_text
    statistics = count(manifest)
    text = environment.get_template("card.md").render(
        **_about(manifest, sounds),
        **_counts(statistics),
        licences=licences,
        of_clips=of_clips,
        strictest=next(iter(strictest_first([*licences, *of_clips])), None),
        conditions=conditions([*licences, *of_clips]),
    )
    return text.encode()


def _about(manifest: Manifest, sounds: Sequence[SoundSource]) -> dict[str, Any]:
    meta = manifest.meta
    return {
        "name": meta.name,
        "split": meta.split,
        "seed": meta.seed,
        "synthetic": meta.synthetic,
        "summary": summary(meta, sounds),
        "imported": meta.imported,
        "files": list(file_rows(meta)),
        "notes": list(notes(meta, sounds)),
        "source_licences": source_licences(meta, sounds),
        "citation": citation(meta, sounds),
        "decoders": ", ".join(f"{name} {version}" for name, version in meta.decoders.items()),
        "inputs": sorted(meta.inputs.items()),
        "funnel": [
            (
                stage,
                ", ".join(f"{outcome.replace('_', ' ')} {n:,}" for outcome, n in counts.items()),
            )
            for stage, counts in meta.funnel.items()
        ],
    }


def _counts(statistics: Statistics) -> dict[str, Any]:
    largest = "100K<n<1M"
    return {
        "samples": statistics.samples,
        "size_category": next((c for n, c in SIZES if statistics.samples < n), largest),
        "classes": list(_class_rows(statistics)),
        "subsets": statistics.subsets,
        "scarce": list(_scarce(statistics)),
    }


def _class_rows(statistics: Statistics) -> Iterator[dict[str, Any]]:
    for name in statistics.categories:
        rows = statistics.of_class(name)
        if any(row.samples for row in rows):
            counts: dict[str, int] = {row.subset: row.samples for row in rows}
            clips = sum(row.clips for row in rows)
            yield {"name": name, "group": rows[0].group, **counts, "clips": clips}


def _scarce(statistics: Statistics) -> Iterator[tuple[str, int, str]]:
    found = scarcities(statistics)
    for subset, least in (("val", MIN_VAL_SAMPLES), ("test", MIN_TEST_SAMPLES)):
        named = [f"{row.category} ({row.samples})" for row in found if row.subset == subset]
        if named:
            yield subset, least, ", ".join(named)
