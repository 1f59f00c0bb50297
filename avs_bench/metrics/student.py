"""Student's t distribution, which numpy and the standard library do not have."""

import math

_SMALLEST = 1e-300
_PRECISION = 1e-13


def two_sided_p(t: float, freedom: float) -> float:
    """Return the share of Student's t with `freedom` degrees of freedom that lies beyond ±t.

    I(df / (df + t²); df / 2, 1 / 2), the regularised incomplete beta function (Abramowitz and
    Stegun 26.7.1).
    """
    x = freedom / (freedom + t * t)
    return _incomplete_beta(x, freedom / 2, 0.5)


def quantile(level: float, freedom: float) -> float:
    """Return the t between whose ± lies the share `level`, by bisection."""
    low, high = 0.0, 1.0
    while two_sided_p(high, freedom) > 1 - level:
        high *= 2
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if two_sided_p(middle, freedom) > 1 - level:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges quickly below its mean only
        return 1 - _incomplete_beta(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logarithm + a * math.log(x) + b * math.log1p(-x)) / a
    return front * _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of the incomplete beta function (26.5.8), by Lentz's method."""
    value, numerator, denominator = 1.0, 1.0, 0.0
    for term in range(10_000):
        half = term // 2
        if term == 0:
            step = 1.0
        elif term % 2 == 0:
            step = half * (b - half) * x / ((a + term - 1) * (a + term))
        else:
            step = -(a + half) * (a + b + half) * x / ((a + term - 1) * (a + term))
        denominator = 1 / _not_zero(1 + step * denominator)
        numerator = _not_zero(1 + step / numerator)
        value *= numerator * denominator
        if abs(numerator * denominator - 1) < _PRECISION:
            break
    return value - 1  # it began at 1, ahead of the fraction


def _not_zero(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST
