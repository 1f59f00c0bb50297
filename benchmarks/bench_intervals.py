"""How often a 95 % interval holds the truth: BCa, as used, beside plain percentiles.

Sets of pictures are drawn from a made-up population of 21 classes, the rarest in 1.3 % of the
pictures, whose figures are known from 400,000 of them. Run: python benchmarks/bench_intervals.py
"""

from collections.abc import Callable

import click
import numpy as np

from avs_bench.metrics import Confusion, Figure, bootstrap, f1_dataset, fdr_dataset, miou_dataset
from avs_bench.metrics.record import Scores

CLASSES = 22
FIGURES: tuple[Callable[[Confusion], Figure], ...] = (miou_dataset, f1_dataset, fdr_dataset)
PIXELS = 10_000
SHARES = 1 / np.arange(1, CLASSES)


def pictures(count: int, random: np.random.Generator) -> np.ndarray:
    """Return the confusions [count, classes, classes] of pictures with one object each.

    Sizes and qualities vary, quality also by class; 40 % of the objects are given another class.
    """
    true = random.choice(np.arange(1, CLASSES), count, p=SHARES / SHARES.sum())
    named = np.where(random.random(count) < 0.6, true, random.integers(1, CLASSES, count))
    area = random.beta(1.2, 8, count) * PIXELS
    found = random.beta(2, 2, count) * (0.4 + 0.6 * (true % 5) / 4) * area
    added = random.beta(1, 30, count) * (PIXELS - area)
    matrices = np.zeros((count, CLASSES, CLASSES))
    rows = np.arange(count)
    matrices[rows, true, named] += found
    matrices[rows, true, 0] += area - found
    matrices[rows, 0, named] += added
    matrices[rows, 0, 0] += PIXELS - area - added
    return np.rint(matrices).astype(np.int64)


def percentile_ends(records: list[Confusion], figure: Callable[[Confusion], Figure]) -> Scores:
    """Return the ends of the plain percentile interval of 400 resamples."""
    random = np.random.default_rng(0)
    stacked = np.stack([record.matrix for record in records])
    drawn = random.integers(0, len(records), (400, len(records)))
    values = [figure(Confusion(CLASSES, stacked[rows].sum(axis=0))).value for rows in drawn]
    ends: Scores = np.quantile(values, [0.025, 0.975])
    return ends


@click.command()
@click.option("--trials", default=200, show_default=True)
def main(trials: int) -> None:
    """Print the share of intervals that hold the truth."""
    population = pictures(400_000, np.random.default_rng(0)).sum(axis=0)
    truth = [figure(Confusion(CLASSES, population)).value for figure in FIGURES]
    click.echo("| pictures | figure | BCa | percentiles |\n|---:|---|---:|---:|")
    for count in (60, 228, 900):
        held = np.zeros((len(FIGURES), 2))
        for trial in range(trials):
            matrices = pictures(count, np.random.default_rng([1, trial]))
            records = [Confusion(CLASSES, matrix) for matrix in matrices]
            scores = {f"{index:04d}": record for index, record in enumerate(records)}
            for row, figure in enumerate(FIGURES):
                interval = bootstrap(scores, figure, resamples=400)
                low, high = percentile_ends(records, figure)
                held[row] += (
                    interval.low <= truth[row] <= interval.high,
                    low <= truth[row] <= high,
                )
        for row, figure in enumerate(FIGURES):
            ours, plain = 100 * held[row] / trials
            click.echo(f"| {count} | {figure.__name__} | {ours:.0f} % | {plain:.0f} % |")


if __name__ == "__main__":
    main()
