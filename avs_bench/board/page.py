"""Assembles the pages of a board: the standings, and a page for each method."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from avs_bench.board.counts import COMPARED, streams
from avs_bench.board.entries import Refused
from avs_bench.board.methods import Method
from avs_bench.board.planes import planes_of
from avs_bench.board.standings import LISTENING, Standing, own_part, unnamed
from avs_bench.report.comparison_tables import DIFFERENCE, ONE_RUN, SEEDS
from avs_bench.report.parts import PART_FILTERS
from avs_bench.report.score_tables import FAMILIES, HOLM, group_tables
from avs_bench.report.table import Number, Table
from vpo_builder.runtime.page.rendering import render, script_hash

PACKAGES = ("avs_bench.board", "avs_bench.report")
SCRIPTS = ("drawing.js", "distributions.js", "statistics.js", "comparison.js", "board.js")


def board_page(
    standings: Sequence[Standing], methods: Sequence[Method], refused: Sequence[Refused]
) -> str:
    """Return the page of the standings."""
    here = Path(__file__).parent
    parts = [(here / name).read_text(encoding="utf-8") for name in SCRIPTS]
    script = "\n".join(['"use strict";', *parts])
    return render(
        PACKAGES,
        "board.html",
        FILTERS,
        standings=[(one, planes_of(one)) for one in standings],
        datasets=list(dict.fromkeys(one.place.dataset for one in standings)),
        families={one.place.family: FAMILIES[one.place.family] for one in standings},
        years=sorted({year for one in standings for year in one.years}),
        methods=methods,
        refused=refused,
        listening=LISTENING,
        streams=streams(),
        compared=COMPARED,
        difference=DIFFERENCE,
        holm=HOLM,
        one_run=ONE_RUN,
        seeds=SEEDS,
        script=Markup(script),
        script_hash=script_hash(script),
    )


def method_page(method: Method, standings: Sequence[Standing], probes: Sequence[Table]) -> str:
    """Return the page of a method: its scores in every place, its groups and its probes."""
    parts = [own_part(one.table, method) for one in standings]
    by_title = {one.heard.title: own_part(one.heard, method) for one in standings if one.heard}
    heard = [part for part in by_title.values() if part.rows]
    return render(
        PACKAGES,
        "method.html",
        FILTERS,
        method=method,
        scores=[unnamed(part) for part in parts if part.rows],
        probes=[unnamed(table) for table in (*heard, *probes)],
        groups=[unnamed(table) for table in group_tables([method.model])],
    )


def _sorted_by(number: Number | None) -> str:
    """Return what a column of figures is sorted by; nothing where there is no value."""
    return "" if number is None or math.isnan(number.value) else f"{number.value:.9f}"


def _soft(text: str) -> Markup:
    """Return a column's name that may end a line after each underscore also as an attribute."""
    return escape(text).replace("_", Markup("_&#8203;"))


def _scaled(value: float, unit: float) -> str:
    """Return an amount in millions or billions with four digits, and no more than are whole."""
    amount = value / unit
    return f"{amount:.0f}" if amount >= 1000 else f"{amount:.4g}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    **PART_FILTERS,
    "sorted_by": _sorted_by,
    "scaled": _scaled,
    "soft": _soft,
}
