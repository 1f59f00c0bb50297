"""The published rows that a table of ours may stand beside: `published.toml`."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from avs_bench.names import Family
from vpo_builder.dataset.schema import Subset

DATA = Path(__file__).parent / "published.toml"


@dataclass(frozen=True)
class PublishedRow:
    """A row of a paper's table: figures in per cent by the name of the figure they compare with.

    `year` is that of the source, not of a method that the source quotes; None where it has several.
    """

    datasets: tuple[str, ...]
    family: Family
    method: str
    figures: Mapping[str, float]
    key: str
    source: str
    year: int | None


def published_rows(dataset: str, subset: Subset, family: Family) -> tuple[PublishedRow, ...]:
    """Return the rows published for a dataset in a family, in the papers' order.

    There are none for other subsets than test: every published figure is one of test.
    """
    if subset != "test":
        return ()
    wanted = dataset.casefold()
    return tuple(
        row
        for row in all_rows()
        if row.family == family and wanted in (name.casefold() for name in row.datasets)
    )


@cache
def all_rows() -> tuple[PublishedRow, ...]:
    """Return every published row that the toolkit knows."""
    return tuple(_rows(tomllib.loads(DATA.read_text(encoding="utf-8"))))


def _rows(content: Mapping[str, Any]) -> Iterator[PublishedRow]:
    sources = {key: _source_text(source) for key, source in content["sources"].items()}
    for table in content["table"]:
        for method, *values in table["rows"]:
            yield PublishedRow(
                datasets=tuple(table["datasets"]),
                family=table["family"],
                method=method,
                figures=dict(zip(table["figures"], values, strict=True)),
                key=table["source"],
                source=sources[table["source"]],
                year=content["sources"][table["source"]].get("year"),
            )


def _source_text(source: Mapping[str, Any]) -> str:
    """Return what a table's note says of a source: where, when, and whether at second hand."""
    second_hand = "second-hand: " if source["second_hand"] else ""
    return f"{second_hand}{source['text']} (read {source['read']})"
