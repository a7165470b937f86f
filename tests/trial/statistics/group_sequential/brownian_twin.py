"""A second, slower way to the crossing probability that shares nothing with the code under test.

It works on the score scale (Brownian motion with drift) instead of z, with Clenshaw–Curtis panels instead of
Gauss–Legendre, and gets the chance of crossing as one minus the mass that never crosses instead of a sum of tails.
"""

import numpy as np
from scipy.special import ndtr

_POINTS = 25


def _clenshaw_curtis(points):
    angles = np.pi * np.arange(points) / (points - 1)
    weights = np.empty(points)
    for j, angle in enumerate(angles):
        ks = np.arange(1, (points - 1) // 2 + 1)
        b = np.where(2 * ks == points - 1, 1.0, 2.0)
        weights[j] = (1.0 - (b / (4.0 * ks**2 - 1) * np.cos(2 * ks * angle)).sum()) * 2.0 / (points - 1)
    weights[0] /= 2.0
    weights[-1] /= 2.0
    return np.cos(angles), weights


def _grid(low, high, width):
    x, w = _clenshaw_curtis(_POINTS)
    edges = np.linspace(low, high, int(np.ceil((high - low) / width)) + 1)
    half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * x).ravel(), (half * w).ravel()


def _walk(information, upper, lower, drift, inner=None):
    """Look after look: the (scores, weights) that stand before it, None before the first."""
    t = np.asarray(information, float)
    gains = np.diff(t, prepend=0.0)
    scores = weights = None
    yield scores, weights
    for k in range(len(t) - 1):
        root = np.sqrt(t[k])
        top = min(upper[k] * root, drift * t[k] + 9 * root)
        bottom = max(lower[k] * root, drift * t[k] - 9 * root)
        if bottom >= top:
            scores, weights = np.array([drift * t[k]]), np.zeros(1)
            yield scores, weights
            continue
        width = 4.5 * np.sqrt(min(gains[k], gains[k + 1]))
        new, w = _grid(bottom, top, width)
        if inner is not None and inner[k] > 0.0:
            parts = [_grid(bottom, -inner[k] * root, width), _grid(inner[k] * root, top, width)]
            new, w = (np.concatenate(both) for both in zip(*parts, strict=True))
        if scores is None:
            density = np.exp(-((new - drift * t[k]) ** 2) / (2 * t[k])) / np.sqrt(2 * np.pi * t[k])
        else:
            gap = new[:, None] - scores[None, :] - drift * gains[k]
            density = np.exp(-(gap**2) / (2 * gains[k])) @ weights / np.sqrt(2 * np.pi * gains[k])
        scores, weights = new, w * density
        yield scores, weights


def never_crossing(information, bounds, drift=0.0, lower=None):
    """P(no bound crossed at any look)."""
    t, b = np.asarray(information, float), np.asarray(bounds, float)
    low = np.full(len(t), -np.inf) if lower is None else np.asarray(lower, float)
    *_, (scores, weights) = _walk(t, b, low, drift)
    last = np.sqrt(t[-1])
    if scores is None:
        return float(ndtr(b[-1] - drift * last) - ndtr(low[-1] - drift * last))
    gain = t[-1] - t[-2]
    above = ndtr((b[-1] * last - scores - drift * gain) / np.sqrt(gain))
    below = ndtr((low[-1] * last - scores - drift * gain) / np.sqrt(gain))
    return float((above - below) @ weights)


def crossing_upper(information, upper, lower, drift=0.0, inner=None):
    """P(an upper bound is the first that is crossed)."""
    t, b = np.asarray(information, float), np.asarray(upper, float)
    total = 0.0
    for k, (scores, weights) in enumerate(_walk(t, b, np.asarray(lower, float), drift, inner)):
        gain = t[k] - (t[k - 1] if k else 0.0)
        if scores is None:
            scores, weights = np.zeros(1), np.ones(1)  # noqa: PLW2901 - the start is one path at score 0
        total += float(ndtr((scores + drift * gain - b[k] * np.sqrt(t[k])) / np.sqrt(gain)) @ weights)
    return total


def stopping_inside(information, upper, inner, drift=0.0):
    """P(a two-sided trial first stops with |z| below its inner bound), at each look."""
    t, b, a = (np.asarray(given, float) for given in (information, upper, inner))
    found = []
    for k, (scores, weights) in enumerate(_walk(t, b, -b, drift, a)):
        gain = t[k] - (t[k - 1] if k else 0.0)
        starts, masses = (np.zeros(1), np.ones(1)) if scores is None else (scores, weights)
        ends = [(sign * max(a[k], 0.0) * np.sqrt(t[k]) - starts - drift * gain) / np.sqrt(gain) for sign in (1.0, -1.0)]
        found.append(float((ndtr(ends[0]) - ndtr(ends[1])) @ masses))
    return np.array(found)


def mean_of_estimate(information, upper, lower, drift, inner=None):
    """The mean of score / information at stopping, by quadrature over every region in which a look stops."""
    t, total = np.asarray(information, float), 0.0
    walked = _walk(t, np.asarray(upper, float), np.asarray(lower, float), drift, inner)
    for k, (scores, weights) in enumerate(walked):
        gain, root = t[k] - (t[k - 1] if k else 0.0), np.sqrt(t[k])
        far = (drift * t[k] - 11 * root, drift * t[k] + 11 * root)
        regions = [far] if k == len(t) - 1 else [(upper[k] * root, far[1]), (far[0], lower[k] * root)]
        if inner is not None and k < len(t) - 1:
            regions.append((-inner[k] * root, inner[k] * root))
        starts, masses = (np.zeros(1), np.ones(1)) if scores is None else (scores, weights)
        for low, high in regions:
            if not low < high:
                continue
            at, w = _grid(low, high, 3.0 * np.sqrt(gain))
            gap = at[:, None] - starts[None, :] - drift * gain
            density = np.exp(-(gap**2) / (2 * gain)) @ masses / np.sqrt(2 * np.pi * gain)
            total += float((at / t[k] * w) @ density)
    return total
