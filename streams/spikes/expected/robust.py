"""Sums that a few wild values cannot move far."""

from math import erfc, exp, pi, sqrt

import numpy as np

from streams.spikes.columns import Floats

#: Counts count at most this many standard deviations off the middle one (Noufaily et al. 2013: 2.58).
CLIP_DEVIATIONS = 2.5
#: A squared error counts at most so many standard deviations, and so many events.
SQUARE_DEVIATIONS, SQUARE_EVENTS = 1.414, 1.5
#: Beyond this many standard deviations, clipping takes nothing noticeable away.
_UNCLIPPED = 4.0


def weighted_median(counts: Floats, exposures: Floats) -> Floats:
    """Return the median of the rates `counts / exposures` along the first axis, weighted by exposure.

    Where the weights on both sides are equal it is the mean of the two middle rates; 0 without any exposure.
    """
    rates = np.divide(counts, exposures, out=np.full_like(counts, np.inf), where=exposures > 0)
    order = np.argsort(rates, axis=0)
    rates = np.take_along_axis(rates, order, 0)
    below = np.cumsum(np.take_along_axis(exposures, order, 0), axis=0)
    half = 0.5 * below[-1]
    lower = (below >= half * (1 - 1e-9)).argmax(axis=0)
    upper = (below > half * (1 + 1e-9)).argmax(axis=0)
    middle = 0.5 * (np.take_along_axis(rates, lower[None], 0) + np.take_along_axis(rates, upper[None], 0))[0]
    return np.where(half > 0, middle, 0.0)


def sums_leaning_on(
    rate: Floats, weight: float, counts: Floats, exposures: Floats, dispersion: Floats, wander: Floats
) -> tuple[Floats, Floats]:
    """Return `clipped_sums` around the weighted median, in which a rate takes part as so many exposures of usual size.

    With few counts a wild one is seen: it is far from the rate.
    """
    usual = weight * exposures.sum(axis=0) / np.maximum((exposures > 0).sum(axis=0), 1)
    centre = weighted_median(
        np.concatenate((counts, (rate * usual)[None])),
        np.concatenate((exposures, usual[None])),
    )
    return clipped_sums(counts, exposures, centre, dispersion, wander)


def clipped_sums(
    counts: Floats, exposures: Floats, centre: Floats, dispersion: Floats, wander: Floats
) -> tuple[Floats, Floats]:
    """Return counts and exposures summed along the first axis, each count clipped around that at the rate `centre`."""
    means = centre * exposures
    reach = CLIP_DEVIATIONS * np.sqrt(dispersion * means + wander * means * means + 1.0)
    clipped = np.clip(counts, means - reach, means + reach)
    return np.where(exposures > 0, clipped, 0.0).sum(axis=0), exposures.sum(axis=0)


def clipped_squares(errors: Floats, variances: Floats) -> Floats:
    """Return squared errors, clipped, and made up for what clipping takes from the variance of a normal error."""
    deviations = np.sqrt(variances)
    limits = SQUARE_DEVIATIONS * deviations + SQUARE_EVENTS
    clipped = np.minimum(np.abs(errors), limits)
    kept: Floats = np.interp(limits / np.maximum(deviations, 1e-9), _REACHES, _KEPT)
    return clipped * clipped / kept


def _kept_of_variance(reach: float) -> float:
    """Return the mean of min(|Z|, reach)² of a standard normal Z."""
    beyond = erfc(reach / sqrt(2))
    return 1 - beyond - sqrt(2 / pi) * reach * exp(-0.5 * reach * reach) + reach * reach * beyond


_REACHES = np.linspace(SQUARE_DEVIATIONS, _UNCLIPPED, 200)
_KEPT = np.array([_kept_of_variance(float(reach)) for reach in _REACHES])
