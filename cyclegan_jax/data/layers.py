"""Layers: what is known of each pixel of a pair beside its colors, one value each.

labels: its class, see labels.py. depth: how far what it shows is from the camera, along the line of
sight's forward part, in hundredths of a meter, as uint16; 0 is not known, and 65535 is that far or
farther. Layers have the size of both images and go wherever the images go: cut, resized and
mirrored alike, without mixing values.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cyclegan_jax.data import labels

DEPTH = 'depth'
STEPS_PER_METER = 100
_FARTHEST = 65535
# The value of pixels of which nothing is known.
UNKNOWN: Mapping[str, int] = {'labels': labels.UNLABELED, DEPTH: 0}
DTYPES: Mapping[str, np.dtype] = {'labels': np.dtype(np.uint8), DEPTH: np.dtype(np.uint16)}
# A layer keeps whole values, as labels do.
resize = labels.resize


def read(record: Mapping[str, Any], name: str) -> dict[str, np.ndarray]:
  """Returns the layers that a record has, uint8 or uint16 [height, width] each.

  Raises:
    ImageError: Labels cannot be read; `name` is that of the record.
  """
  found = {}
  if 'labels' in record:
    found['labels'] = labels.read(record['labels'], name)
  if DEPTH in record:
    found[DEPTH] = np.asarray(record[DEPTH], np.uint16)
  return found


def from_steps(steps: np.ndarray) -> np.ndarray:
  """Returns depth in steps as a layer, uint16; what is not above 0, or no number, is unknown."""
  known = steps > 0
  whole = np.clip(np.rint(np.where(known, steps, 0)), 1, _FARTHEST)
  return np.where(known, whole, UNKNOWN[DEPTH]).astype(np.uint16)
