/* Two methods on the same pictures or videos, as metrics/uncertainty.py and model_comparison.py
   compare them. A set has for each unit the sums of its classes: {classes, offsets, places, sums}. */

const LEVEL = 0.95;
const RESAMPLES = 2000;
const GROUPS = 200;
const TIE = 1e-9; // shares of resamples so near are equal
const BUSY = 30; // milliseconds of work before the page may breathe

const ratio = (part, whole, empty) => (whole ? part / whole : empty);

function mean(values) { // of what is known
  const known = values.filter((value) => !Number.isNaN(value));
  return ratio(known.reduce((sum, value) => sum + value, 0), known.length, NaN);
}

/* The figures of metrics/families.py, in its order, from [classes × 3] sums. */
const FIGURES = {
  dataset(sums) { // right, predicted and labelled pixels
    const [iou, f1, f03, both, fdr] = [[], [], [], [], []];
    let [right, pixels] = [0, 0];
    for (let n = 0; n < sums.length; n += 3) {
      const [r, p, t] = [sums[n], sums[n + 1], sums[n + 2]];
      const f = ratio(1.3 * r, 0.3 * t + p, NaN);
      iou.push(ratio(r, p + t - r, 0));
      f1.push(ratio(2 * r, t + p, NaN));
      f03.push(f);
      both.push((iou[iou.length - 1] + f) / 2);
      fdr.push(ratio(p - r, p, NaN));
      right += r;
      pixels += t;
    }
    if (!pixels) return new Array(6).fill(NaN);
    return [mean(iou), mean(f1), mean(f03), mean(both), mean(fdr), right / pixels];
  },
  frame(sums) { // frames with the class, and the units of their IoU and F
    const [iou, f] = [[], []];
    let frames = 0;
    for (let n = 0; n < sums.length; n += 3) {
      iou.push(ratio(sums[n + 1] / 2 ** 40, sums[n], 0));
      f.push(ratio(sums[n + 2] / 2 ** 40, sums[n], 0));
      frames += sums[n];
    }
    if (!frames) return new Array(3).fill(NaN);
    return [mean(iou), mean(f), mean(iou.map((value, n) => (value + f[n]) / 2))];
  },
  video(sums) { // videos, and the units of their J and F
    const [j, f] = [1, 2].map((n) => ratio(sums[n] / 2 ** 40, sums[0], NaN));
    return [j, f, (j + f) / 2];
  },
};

function packed({ classes, units }) {
  const offsets = [0];
  for (const flat of units) offsets.push(offsets[offsets.length - 1] + flat.length / 4);
  const all = units.flat();
  const places = Int32Array.from({ length: all.length / 4 }, (_, n) => 3 * all[4 * n]);
  const sums = Float64Array.from({ length: 3 * places.length }, (_, n) => all[4 * Math.floor(n / 3) + 1 + (n % 3)]);
  return { classes, offsets: Int32Array.from(offsets), places, sums };
}

function add(total, set, unit) {
  for (let n = set.offsets[unit]; n < set.offsets[unit + 1]; n++) {
    const place = set.places[n];
    total[place] += set.sums[3 * n];
    total[place + 1] += set.sums[3 * n + 1];
    total[place + 2] += set.sums[3 * n + 2];
  }
}

const unitsOf = (set) => set.offsets.length - 1;
const blank = (set) => new Float64Array(3 * set.classes);

function whole(set) {
  const total = blank(set);
  for (let unit = 0; unit < unitsOf(set); unit++) add(total, set, unit);
  return total;
}

/* [groups][figures]: the figures with each group of units left out. */
function jackknife(set, figures) {
  const total = whole(set);
  const groups = Math.min(unitsOf(set), GROUPS);
  return Array.from({ length: groups }, (_, group) => {
    const part = blank(set);
    for (let unit = group; unit < unitsOf(set); unit += groups) add(part, set, unit);
    return figures(total.map((sum, n) => sum - part[n]));
  });
}

const minus = (a, b) => a.map((value, n) => value - b[n]);
const column = (rows, n) => rows.map((row) => row[n]);

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  const next = sorted[Math.min(low + 1, sorted.length - 1)];
  return sorted[low] + (next - sorted[low]) * (at - low);
}

function acceleration(jackknifed) {
  const known = jackknifed.filter((value) => !Number.isNaN(value));
  const centre = mean(known);
  const spread = known.map((value) => centre - value);
  const scale = spread.reduce((sum, value) => sum + value ** 2, 0) ** 1.5;
  return scale > 0 ? spread.reduce((sum, value) => sum + value ** 3, 0) / (6 * scale) : 0;
}

function bcaEnds(resampled, figure, jackknifed) {
  const known = Float64Array.from(resampled.filter((value) => !Number.isNaN(value))).sort();
  const below = known.filter((value) => value < figure).length;
  const above = below + known.filter((value) => value === figure).length;
  const share = (below + above) / (2 * known.length);
  if (Number.isNaN(figure) || !(share > 0 && share < 1)) return [NaN, NaN];
  const [bias, skew] = [normalQuantile(share), acceleration(jackknifed)];
  const [low, high] = [-1, 1].map((side) => {
    const shifted = bias + normalQuantile((1 + side * LEVEL) / 2);
    return normalShare(bias + shifted / (1 - skew * shifted));
  });
  if (low > above / known.length + TIE || high < below / known.length - TIE) return [NaN, NaN];
  return [Math.min(quantile(known, low), figure), Math.max(quantile(known, high), figure)];
}

async function compareRuns(first, second, figures, streams) {
  const units = unitsOf(first);
  const [draws, coins] = streams.map((stream) => new Stream(stream));
  const [wholeFirst, wholeSecond] = [whole(first), whole(second)];
  const difference = minus(figures(wholeFirst), figures(wholeSecond));
  const [resampled, swapped] = [[], []];
  let since = performance.now();
  for (let round = 0; round < RESAMPLES; round++) {
    const [a, b, mixed] = [blank(first), blank(second), blank(first)];
    for (let n = 0; n < units; n++) {
      const unit = draws.below(units);
      add(a, first, unit);
      add(b, second, unit);
      add(mixed, coins.below(2) ? first : second, n);
    }
    resampled.push(minus(figures(a), figures(b)));
    swapped.push(minus(figures(mixed), figures(wholeFirst.map((sum, n) => sum + wholeSecond[n] - mixed[n]))));
    if (performance.now() - since > BUSY) {
      await new Promise((resolve) => { setTimeout(resolve); });
      since = performance.now();
    }
  }
  const others = jackknife(second, figures);
  const leftOut = jackknife(first, figures).map((row, n) => minus(row, others[n]));
  return difference.map((value, n) => {
    const [low, high] = bcaEnds(column(resampled, n), value, column(leftOut, n));
    const extreme = column(swapped, n).filter((other) => Math.abs(other) >= Math.abs(value) - 1e-12).length;
    const p = Number.isNaN(value) ? NaN : (1 + extreme) / (1 + RESAMPLES);
    return { difference: value, low, high, p };
  });
}

/* Several seeds: Obuchowski and Rockette's test over seeds and pictures at once. */

function covariance(columns) { // of the jackknife: columns of figures, one for each run
  const kept = columns[0].map((_, n) => n).filter((n) => columns.every((one) => !Number.isNaN(one[n])));
  const groups = kept.length;
  const apart = columns.map((one) => {
    const centre = mean(kept.map((n) => one[n]));
    return kept.map((n) => one[n] - centre);
  });
  const product = (a, b) => a.reduce((sum, value, n) => sum + value * b[n], 0);
  return { groups, matrix: apart.map((a) => apart.map((b) => ((groups - 1) / groups) * product(a, b))) };
}

function sharedVariance(matrix, counts) {
  let [start, within] = [0, 0];
  const blocks = counts.map((count) => Array.from({ length: count }, () => start++));
  for (const block of blocks) {
    const pairs = block.flatMap((a) => block.filter((b) => b !== a).map((b) => matrix[a][b]));
    within += pairs.length ? mean(pairs) : matrix[block[0]][block[0]];
  }
  return within - 2 * mean(blocks[0].flatMap((a) => blocks[1].map((b) => matrix[a][b])));
}

/* values, leftOut: for both sides, of each of their runs. */
function testSeeds(values, leftOut) {
  const counts = values.map((side) => side.length);
  const centres = values.map((side) => side.reduce((sum, value) => sum + value, 0) / side.length);
  const difference = centres[0] - centres[1];
  const { groups, matrix } = covariance(leftOut.flat());
  const nothing = { difference, low: NaN, high: NaN, p: NaN };
  if (Number.isNaN(difference) || groups < 2) return nothing;
  const freedomOfSeeds = counts[0] + counts[1] - 2;
  const squares = values.flatMap((side, n) => side.map((value) => (value - centres[n]) ** 2));
  const ofSeeds = (squares.reduce((sum, value) => sum + value, 0) / freedomOfSeeds) * (1 / counts[0] + 1 / counts[1]);
  const ofPictures = Math.max(0, sharedVariance(matrix, counts));
  const variance = ofSeeds + ofPictures;
  if (variance === 0) return { difference, low: difference, high: difference, p: Number(difference === 0) };
  const freedom = variance ** 2 / (ofSeeds ** 2 / freedomOfSeeds + ofPictures ** 2 / (groups - 1));
  const error = Math.sqrt(variance);
  const reach = studentQuantile(LEVEL, freedom) * error;
  return { difference, low: difference - reach, high: difference + reach, p: twoSided(difference / error, freedom) };
}

function compareSeeds(first, second, figures) {
  const sides = [first, second];
  const values = sides.map((sets) => sets.map((set) => figures(whole(set))));
  const leftOut = sides.map((sets) => sets.map((set) => jackknife(set, figures)));
  return values[0][0].map((_, n) => testSeeds(
    values.map((side) => column(side, n)),
    leftOut.map((side) => side.map((rows) => column(rows, n))),
  ));
}

function holm(values) {
  const order = values.map((_, n) => n).filter((n) => !Number.isNaN(values[n]));
  order.sort((a, b) => values[a] - values[b]);
  const corrected = [...values];
  let largest = 0;
  order.forEach((place, rank) => {
    largest = Math.max(largest, Math.min(1, (order.length - rank) * values[place]));
    corrected[place] = largest;
  });
  return corrected;
}

/* First minus second for every figure of the family: both are lists of a method's seeds. */
async function compareMethods(family, first, second, streams) {
  const figures = FIGURES[family];
  const compared = first.length === 1 && second.length === 1
    ? await compareRuns(first[0], second[0], figures, streams)
    : compareSeeds(first, second, figures);
  const corrected = holm(compared.map((one) => one.p));
  const averages = [first, second].map((sets) => {
    const rows = sets.map((set) => figures(whole(set)));
    return rows[0].map((_, n) => column(rows, n).reduce((sum, value) => sum + value, 0) / rows.length);
  });
  return compared.map((one, n) => ({ ...one, corrected: corrected[n], first: averages[0][n], second: averages[1][n] }));
}
