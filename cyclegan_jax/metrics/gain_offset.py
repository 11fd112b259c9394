"""The least-squares gain and offset between images, from sums that add up over a data set.

Between two cameras gain and offset decide every plain metric; after the best ones, what is left is
the scene. All arithmetic up to the quotients is that of integers, hence exact.
"""

import numpy as np


def sums(reference: np.ndarray, image: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
  """Returns the sums that `fit` needs, a row per image, as Python integers, object [n, 5].

  The columns are the number of pixels and the sums of x, y, x y and y y.

  Args:
    reference: x, true pixels, uint8 or uint16 [n, height, width, channels].
    image: y, generated pixels, the same shape.
    mask: bool [n, height, width, 1], the valid pixels; None for all.
  """
  valid = np.broadcast_to(True if mask is None else mask, reference.shape)
  x, y = (np.where(valid, pixels, 0).astype(np.int64) for pixels in (reference, image))
  columns = [values.sum((1, 2, 3)) for values in (valid, x, y, x * y, y * y)]
  # Products of these sums do not fit into 64 bits.
  return np.stack(columns, axis=1).astype(object)


def fit(totals: np.ndarray) -> tuple[float, float]:
  """Returns gain and offset that minimize the sum of (gain y + offset - x)^2 over all pixels.

  The totals are a row of `sums`, or a sum of rows. A gain may be negative. For a constant y it is
  0, and the offset the mean of x; without any pixel they are 1 and 0.
  """
  n, x, y, xy, yy = totals
  if not n:
    return 1.0, 0.0
  determinant = n * yy - y * y
  if not determinant:
    return 0.0, x / n
  return (n * xy - x * y) / determinant, (x * yy - y * xy) / determinant
