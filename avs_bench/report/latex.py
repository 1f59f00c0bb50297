r"""Tables as LaTeX: a document by itself, and tables of a paper that takes it in by \input."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from avs_bench.report.table import Number, Row, Table, shown
from vpo_builder.runtime.outside_text import one_line

ROWS_A_PAGE = 24
"""Rows of two lines each that fit a page with their caption; a longer table goes on in another."""

_HEAD = r"""% Compiles by itself, and by \input inside a paper that loads booktabs and graphicx.
\expandafter\ifx\csname @nodocument\endcsname\relax
  \let\reportend\relax
\else
  \documentclass[a4paper]{article}
  \usepackage[margin=22mm]{geometry}
  \usepackage{booktabs,graphicx}
  \begin{document}
  \def\reportend{\end{document}}
\fi
"""
_ESCAPES = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "–": "--",
    "−": "$-$",
    "×": r"$\times$",
    "²": r"$^2$",
    "→": r"$\rightarrow$",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u030a": "r",
    "\u030c": "v",
    "\u0327": "c",
}
"""Combining marks that every font of TeX has."""


def latex(tables: Iterable[Table]) -> str:
    """Return the tables as LaTeX, figures in per cent, each with caption, label and rules.

    Every table is made as wide as the text at most; one of many rows is continued in others.
    """
    labels: Counter[str] = Counter()
    parts = [part for table in tables for part in _parts(table, labels)]
    return "\n".join([_HEAD, *parts, "\\reportend\n"])


def _parts(table: Table, labels: Counter[str]) -> Iterator[str]:
    """Yield the tables that a table is printed as."""
    label = "tab:" + (re.sub("[^a-z0-9]+", "-", table.title.lower()).strip("-") or "table")
    labels[label] += 1
    label += f"-{labels[label]}" * (labels[label] > 1)
    numbered = list(enumerate(table.rows))
    for start in range(0, len(numbered) or 1, ROWS_A_PAGE):
        rows = numbered[start : start + ROWS_A_PAGE]
        caption = escaped(". ".join([table.title, "Per cent"]) + ". " + " ".join(table.legend))
        if start:
            caption = escaped(f"{table.title}, continued.")
        elif table.missing:
            caption += " " + escaped(" ".join(table.missing))
        own_label = f"{label}-from-{start + 1}" if start else label
        comments = [f"% {one_line(note)}" for note in table.notes] if not start else []
        yield "\n".join([*comments, *_float(table, rows, caption, own_label), ""])


def _float(
    table: Table, rows: Sequence[tuple[int, Row]], caption: str, label: str
) -> Iterator[str]:
    columns = "l" * len(table.words) + "r" * len(table.figures)
    heads = [escaped(word) for word in table.words] + [_head(name) for name in table.figures]
    yield "\\begin{table}[p]\\centering\\small"
    yield f"\\caption{{{caption}}}"
    yield f"\\label{{{label}}}\\smallskip"
    yield "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%"
    yield f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}"
    yield f"\\toprule\n{_line(heads)}\n\\midrule"
    best = {name: table.best(name) for name in table.figures}
    published = False
    for place, row in rows:
        if row.published and not published and place != rows[0][0]:
            yield "\\midrule"
        published = row.published
        numbers = (
            _number(number, place in best[name])
            for name, number in zip(table.figures, row.numbers, strict=True)
        )
        yield _line([*map(escaped, row.words), *numbers])
    yield "\\bottomrule\n\\end{tabular}}\n\\end{table}"


def _line(cells: Iterable[str]) -> str:
    # braces: a cell that begins with [ or * would be read as an option of the \\ before it
    return f"{{}}{' & '.join(cells)} \\\\"


def _head(figure: str) -> str:
    """Return the name of a figure, a line for each of its words, so that columns stay narrow."""
    words = "\\\\".join(map(escaped, re.split("[_ ]", figure)))
    return f"\\shortstack[r]{{{words}}}"


def _number(number: Number | None, best: bool) -> str:
    """Return a number with its doubt in small print below."""
    value, _, doubt = re.sub(r"-(?=\d)", "−", shown(number)).partition(" ")
    text = f"\\textbf{{{escaped(value)}}}" if best else escaped(value)
    if not doubt:
        return text
    return f"\\shortstack[r]{{\\rule{{0pt}}{{2.6ex}}{text}\\\\{{\\scriptsize {escaped(doubt)}}}}}"


def escaped(text: str) -> str:
    """Return text as one line that TeX prints as it is; what its fonts lack as U+ and a number."""
    return "".join(map(_escaped, one_line(text)))


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"U+{ord(character):04X}"
