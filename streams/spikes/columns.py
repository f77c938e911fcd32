"""State of many series side by side: arrays whose last axis is the series.

One step over all series costs little more than a step over one. A part of the state is an object with such arrays as
attributes, created for a number of series.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

Part = TypeVar("Part")


def remember(memory: NDArray[Any], series: Integers, values: Floats) -> None:
    """Add the values of some series as the last row of a memory, and drop the first row of theirs."""
    memory[:-1, series] = memory[1:, series]
    memory[-1, series] = values[series]


def copy_series(source: object, first: int, end: int, target: object, at: int) -> None:
    """Copy the series `[first, end)` of a part of the state to those from `at` on of another part of its kind."""
    for name, array in arrays(source).items():
        getattr(target, name)[..., at : at + end - first] = array[..., first:end]


def arrays(part: object) -> dict[str, NDArray[Any]]:
    """Return the arrays of a part of the state, by attribute."""
    return {name: value for name, value in vars(part).items() if isinstance(value, np.ndarray)}
