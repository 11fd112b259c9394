"""Hot objects: are the hottest pixels of the true image hot in the generated one?

People and vehicles are a few per cent of a thermal image, which PSNR and SSIM hardly see. This is
NumPy, image by image: XLA sorts a hundred times slower on a CPU.
"""

import numpy as np

# The share of an image's valid pixels that is called hot: one of so many.
ONE_OF = 50


def hot_objects(
  reference: np.ndarray, image: np.ndarray, mask: np.ndarray | None = None
) -> dict[str, np.ndarray]:
  """Compares the hottest 2 % of the valid pixels, rounded up, of images.

  Of pixels as hot as the coolest hot one, all are hot or none, whichever gives nearer to 2 %.
  The generated image has as many hot pixels as the true one; where equal pixels compete for the
  last places, each has its share, as if they were drawn. A constant image thus finds 2 %, by
  chance, and an equal one all.

  Args:
    reference: true pixels, integers or floats [n, height, width, channels]; hotness is their sum
      over channels.
    image: generated pixels, the same shape.
    mask: bool [n, height, width, 1], the valid pixels; None for all.

  Returns:
    By name, float64 [n]; NaN where the reference is constant or nothing is valid:
      hot_recall: The share of the true hot pixels that are hot in the generated image.
      hot_mae: The mean absolute error of the true hot pixels.
  """
  rows = []
  for i, (x, y) in enumerate(zip(reference, image)):
    valid = slice(None) if mask is None else mask[i].ravel()
    rows.append(_hot_objects(*(v.reshape(-1, v.shape[-1])[valid].astype(float) for v in (x, y))))
  recall, error = np.reshape(rows, (-1, 2)).T
  return {'hot_recall': recall, 'hot_mae': error}


def _hot_objects(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
  """Recall and error of one image from its valid pixels, [pixels, channels]."""
  hot = _hottest(x.sum(1))
  n_hot = int(hot.sum())
  if n_hot == len(hot):
    return np.nan, np.nan
  heat = y.sum(1)
  level = _nth_largest(heat, n_hot)
  above, equal = heat > level, heat == level
  chance = (n_hot - above.sum()) / equal.sum()
  found = (above & hot).sum() + chance * (equal & hot).sum()
  return float(found / n_hot), float(np.abs(x - y)[hot].mean())


def _hottest(heat: np.ndarray) -> np.ndarray:
  """Marks the hottest 2 % of the pixels; all of them if they are equal."""
  if not len(heat):
    return np.zeros(0, bool)
  n = -(-len(heat) // ONE_OF)
  level = _nth_largest(heat, n)
  above, with_equal = heat > level, heat >= level
  fewer, more = int(above.sum()), int(with_equal.sum())
  return above if fewer and n - fewer < more - n else with_equal


def _nth_largest(values: np.ndarray, n: int) -> float:
  return np.partition(values, len(values) - n)[len(values) - n]
