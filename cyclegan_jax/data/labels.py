"""Labels: the class of each pixel of a pair, as an index.

A record of a labeled data set has `labels`: the content of a PNG file of class indices, or an array
of them. 255 stands for pixels without a label. Labels have the size of both images and go wherever
the images go: cut, resized and mirrored alike, without mixing classes.
"""

from typing import Any

import numpy as np

from cyclegan_jax.image_files import images

UNLABELED = 255
# For people who have none: the flags that give some.
FLAGS = '--label_dir (with --dataset=folder) or --label_column (parquet, webdataset)'
# Ends a message about labels that tell nothing apart.
ONE_CLASS = (
  'no class index but 0, and perhaps 255, which stands for pixels without a label. Expected at '
  'least two classes: a mask of objects has to hold 1 for them and 0 elsewhere, not 255.'
)
# Classes have the indices 0 to 254.
MOST_CLASSES = 255
# All values of a pixel of labels, with that for none.
N_VALUES = UNLABELED + 1


def read(value: Any, name: str) -> np.ndarray:
  """Returns a record's `labels` as uint8 [height, width]; raises as `images.read_indices` does."""
  return images.read_indices(value, name) if isinstance(value, bytes) else np.asarray(value)


def highest(labels: np.ndarray) -> int:
  """Returns the highest class index of labels; -1 if no pixel has a label."""
  labeled = labels[labels != UNLABELED]
  return int(labeled.max()) if labeled.size else -1


def resize(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Resizes uint8 [height, width] to `size`: each pixel takes the label at its center."""
  if labels.shape == tuple(size):
    return labels
  # In whole numbers: Pillow rounds centers that lie on a border either way.
  rows, columns = ((2 * np.arange(n) + 1) * have // (2 * n) for n, have in zip(size, labels.shape))
  return labels[rows][:, columns]
