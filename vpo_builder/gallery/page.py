"""Assembles the one page of a gallery: its data, its charts and its text."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from vpo_builder.dataset.class_colours import Colour, css
from vpo_builder.dataset.schema import SPLIT_NAMES, SUBSETS, Sample
from vpo_builder.dataset.sound_credits import read_sound_credits
from vpo_builder.documents.attribution import Credit, clip_page, read_credits
from vpo_builder.gallery.copies import Copies, Shown
from vpo_builder.runtime.page.rendering import render
from vpo_builder.statistics.charts import group_colour
from vpo_builder.statistics.counts import Statistics, count


def render_page(datasets: Sequence[Shown], copies: Copies, colours: Mapping[str, Colour]) -> str:
    """Return the page for one or more datasets whose media were copied."""
    statistics = list(_counted(datasets))
    shades = {name: css(colour) for name, colour in colours.items()}
    data = {
        "subsets": SUBSETS,
        "colours": shades,
        "clips": list(_clips(datasets, copies)),
        "datasets": [
            {"name": counted.name, "samples": list(_samples(dataset, copies))}
            for counted, dataset in zip(statistics, datasets, strict=True)
        ],
    }
    return render(
        "vpo_builder.gallery",
        "page.html",
        {},
        data=_script_json(data),
        datasets=statistics,
        shown=sum(len(dataset.samples) for dataset in datasets),
        charts=[_chart(counted) for counted in statistics],
        categories=[name for name in shades if any(_total(s, name) for s in statistics)],
        numbers=sorted({len(s.sources) for dataset in datasets for s in dataset.samples}),
        subsets=SUBSETS,
    )


def _counted(datasets: Sequence[Shown]) -> Iterator[Statistics]:
    """Yield each dataset's counts; builds of one split are told apart by their --out folder."""
    names = Counter(SPLIT_NAMES[dataset.manifest.meta.split] for dataset in datasets)
    for dataset in datasets:
        name = SPLIT_NAMES[dataset.manifest.meta.split]
        folder = dataset.manifest.folder.resolve()
        if dataset.manifest.meta.split != "avsbench-single-plus":
            folder = folder.parent
        out = folder.parent.name
        yield replace(count(dataset.manifest), name=f"{name} ({out})" if names[name] > 1 else name)


def _clips(datasets: Sequence[Shown], copies: Copies) -> Iterator[dict[str, Any]]:
    """Yield the recordings: where each comes from, and its licence if a list names it."""
    told = {}
    for dataset in datasets:
        manifest, credits = dataset.manifest, read_sound_credits(dataset.manifest)
        for clip_id in {source.clip_id for s in dataset.samples for source in s.sources}:
            page = "" if manifest.meta.synthetic else clip_page(clip_id, credits)
            licence = credits[clip_id].shown_licence if clip_id in credits else ""
            told[manifest.clip_path(clip_id)] = {"id": clip_id, "page": page, "licence": licence}
    for path, waveform in zip(copies.clips, copies.waveforms, strict=True):
        yield told[path] | msgspec.to_builtins(waveform)


def _samples(dataset: Shown, copies: Copies) -> Iterator[dict[str, Any]]:
    credit = read_credits(dataset.manifest.folder)
    for sample in dataset.samples:
        credited = credit.get(sample.image_id, Credit())
        yield {
            "id": sample.sample_id,
            "subset": sample.subset,
            "image": copies.images[dataset.image(sample)],
            "mask": copies.masks[dataset.mask(sample)],
            "width": sample.width,
            "height": sample.height,
            "licence": credited.licence,
            "page": credited.author_page,
            "sources": list(_sources(dataset, sample, copies)),
            "silent": sample.silent,
        }


def _sources(dataset: Shown, sample: Sample, copies: Copies) -> Iterator[dict[str, Any]]:
    for source in sample.sources:
        clip = copies.clips[dataset.manifest.clip_path(source.clip_id)]
        yield {"category": source.category, "clip": clip, "pan": source.pan}


def _chart(statistics: Statistics) -> dict[str, Any]:
    """Return the bars, in per cent of the highest, and the slices of a dataset's chart."""
    names = [name for name in statistics.categories if _total(statistics, name)]
    names.sort(key=lambda name: (-_total(statistics, name), name))
    highest = max((_total(statistics, name) for name in names), default=1)
    bars = [
        {
            "name": name,
            "colour": group_colour(statistics.of_class(name)[0].group),
            "total": _total(statistics, name),
            "parts": [
                {"subset": row.subset, "samples": row.samples, "width": 100 * row.samples / highest}
                for row in statistics.of_class(name)
            ],
        }
        for name in names
    ]
    return {"name": statistics.name, "bars": bars, "slices": list(_slices(statistics))}


def _slices(statistics: Statistics) -> Iterator[dict[str, Any]]:
    """Yield the pie's slices as arcs of a circle whose circumference is 100."""
    sizes: dict[str, int] = {}
    for row in statistics.classes:
        sizes[row.group] = sizes.get(row.group, 0) + row.sources
    start = 0.0
    for group, size in sizes.items():
        share = 100 * size / sum(sizes.values()) if size else 0.0
        if size:
            shade = group_colour(group)
            yield {"group": group, "size": size, "share": share, "start": start, "colour": shade}
        start += share


def _total(statistics: Statistics, category: str) -> int:
    return sum(row.samples for row in statistics.of_class(category))


def _script_json(data: Any) -> str:
    """Return json that cannot end the script element it stands in."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")
