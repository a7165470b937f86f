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


def never_crossing(information, bounds, drift=0.0):
    """P(no upper bound crossed at any look)."""
    t, b = np.asarray(information, float), np.asarray(bounds, float)
    gains = np.diff(t, prepend=0.0)
    scores = weights = None
    for k in range(len(t) - 1):
        top = min(b[k] * np.sqrt(t[k]), drift * t[k] + 10 * np.sqrt(t[k]))
        step = 3.0 * np.sqrt(min(gains[k], gains[k + 1]))
        new, w = _grid(drift * t[k] - 10 * np.sqrt(t[k]), top, step)
        if scores is None:
            density = np.exp(-((new - drift * t[k]) ** 2) / (2 * t[k])) / np.sqrt(2 * np.pi * t[k])
        else:
            gap = new[:, None] - scores[None, :] - drift * gains[k]
            density = np.exp(-(gap**2) / (2 * gains[k])) @ weights / np.sqrt(2 * np.pi * gains[k])
        scores, weights = new, w * density
    last = b[-1] * np.sqrt(t[-1])
    if scores is None:
        return float(ndtr(b[-1] - drift * np.sqrt(t[-1])))
    return float(ndtr((last - scores - drift * gains[-1]) / np.sqrt(gains[-1])) @ weights)
