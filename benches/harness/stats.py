"""Medians, ratios and means of samples that were taken in turn."""

import math
import statistics


def median(values):
    """The median, or None without values."""
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def geometric_mean(values):
    """The geometric mean of positive numbers."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def percentile(ordered, share):
    """The value that this share of sorted values lies below."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ratio(ours, theirs, *, higher_is_better):
    """How many times better we are: the median over the rounds of the ratio in one round, because the two samples of a
    round were taken one after the other and share the machine's mood. Rounds that one of the two lacks do not count."""
    pairs = [(a, b) for a, b in zip(ours, theirs) if a and b]
    if not pairs:
        return None
    return statistics.median(a / b if higher_is_better else b / a for a, b in pairs)


def spread(values):
    """How far the rounds lie apart: the larger distance to the median, as a share of it."""
    values = [value for value in values if value is not None]
    if len(values) < 2:
        return None
    middle = statistics.median(values)
    return max(max(values) - middle, middle - min(values)) / middle
