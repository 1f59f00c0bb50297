/* The normal distribution, and Student's t as metrics/student.py has it. */

function normalShare(z) {
  const x = Math.min(Math.abs(z), 9) / Math.SQRT2; // beyond it doubles know 0 and 1 alone
  let term = x;
  let sum = x;
  for (let n = 1; n < 400 && term > 1e-18 * sum; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  const half = Math.min(0.5, (Math.exp(-x * x) * sum) / Math.sqrt(Math.PI));
  return z < 0 ? 0.5 - half : 0.5 + half;
}

function bisect(low, high, isBelow) {
  for (let n = 0; n < 200; n++) {
    const middle = (low + high) / 2;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
  return high;
}

function normalQuantile(share) {
  return bisect(-9, 9, (z) => normalShare(z) < share);
}

function logGamma(x) { // Lanczos, g = 7
  const parts = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  let sum = 0.99999999999980993;
  parts.forEach((part, n) => { sum += part / (x + n); });
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x >= 1 ? 1 : 0;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const notZero = (value) => (Math.abs(value) > 1e-300 ? value : 1e-300);
  let [value, numerator, denominator] = [1, 1, 0];
  for (let term = 0; term < 10000; term++) {
    const half = Math.floor(term / 2);
    let step = 1;
    if (term && term % 2 === 0) step = (half * (b - half) * x) / ((a + term - 1) * (a + term));
    else if (term) step = (-(a + half) * (a + b + half) * x) / ((a + term - 1) * (a + term));
    denominator = 1 / notZero(1 + step * denominator);
    numerator = notZero(1 + step / numerator);
    value *= numerator * denominator;
    if (Math.abs(numerator * denominator - 1) < 1e-13) break;
  }
  return front * (value - 1);
}

function twoSided(t, freedom) {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

function studentQuantile(level, freedom) {
  let high = 1;
  while (twoSided(high, freedom) > 1 - level) high *= 2;
  return bisect(0, high, (t) => twoSided(t, freedom) > 1 - level);
}
