"""White-hot and black-hot infrared in one set: pairs whose IR contradicts that of the others.

IR is predicted from color, place in the picture, and daylight (the sky, people, and lamps differ),
by least squares over all other pairs, and compared with the image. A pair with the other polarity
correlates negatively. Where these predict little, nothing is said.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cyclegan_jax.image_files import images
from cyclegan_jax.pairs.flags import DEFAULT

_SIDE = 32  # Images are reduced to this before they are compared.
_RIDGE = 1e-3
_ROUNDS = 10
_FEWEST = 20  # Pairs from which a majority can be told.


class Relation(NamedTuple):
  """Sums over the pixels of one pair, all that least squares need."""

  gram: np.ndarray  # float64 [features, features]: mean products of the features,
  moment: (
    np.ndarray
  )  # [features]: and their mean products with IR, which has mean 0 and variance 1.


def relation(rgb: np.ndarray, ir: np.ndarray) -> Relation | None:
  """Returns the relation of a pair, uint8 or uint16 [height, width, 1 or 3] of one size.

  None if IR is constant.
  """
  small = [images.resize(image, (_SIDE, _SIDE)) for image in (rgb, ir)]
  target = images.luminance(small[1]).ravel().astype(np.float64)
  if not target.std():
    return None
  target = (target - target.mean()) / target.std()
  colors = np.broadcast_to(small[0] / np.iinfo(rgb.dtype).max, (_SIDE, _SIDE, 3)).reshape(-1, 3)
  line = np.linspace(-1, 1, _SIDE)
  y, x = np.repeat(line, _SIDE)[:, None], np.tile(line, _SIDE)[:, None]
  first = np.concatenate([colors - colors.mean(0), y, x**2], axis=1)
  rows, columns = np.triu_indices(first.shape[1])
  products = first[:, rows] * first[:, columns]
  daylight = 2 * colors.mean() - 1  # By night, other things are warm.
  features = [np.ones_like(y), first, products, daylight * first, daylight * y**2]
  features = np.concatenate(features, axis=1)
  return Relation(features.T @ features / len(features), features.T @ target / len(features))


def inverted(relations: Sequence[Relation | None]) -> dict[int, float]:
  """Returns the indices of pairs with the other polarity, and their correlations, -1 to 0."""
  known = [index for index, found in enumerate(relations) if found]
  if len(known) < _FEWEST:
    return {}
  grams = np.stack([found.gram for found in relations if found])
  moments = np.stack([found.moment for found in relations if found])
  signs = np.ones(len(known))
  for _ in range(_ROUNDS):
    correlations = _correlations(grams, moments * signs[:, None])
    wrong = correlations < 0
    if not wrong.any():
      break
    signs = np.where(wrong, -signs, signs)
  correlations = _correlations(grams, moments * signs[:, None])
  if signs.sum() < 0:  # The majority is right.
    signs = -signs
  if np.median(correlations) < DEFAULT.relation:
    return {}
  found = zip(known, (signs * correlations).tolist())
  return {index: value for index, value in found if value <= DEFAULT.inverted}


def _correlations(grams: np.ndarray, moments: np.ndarray) -> np.ndarray:
  """The correlation of each pair's IR with what all the others predict: [pairs]."""
  ridge = _RIDGE * len(grams) * np.eye(grams.shape[1])
  weights = np.linalg.solve(grams.sum(0) - grams + ridge, (moments.sum(0) - moments)[..., None])[
    ..., 0
  ]
  means = np.einsum('nk,nk->n', weights, grams[:, 0])  # The first feature is 1.
  squares = np.einsum('nj,njk,nk->n', weights, grams, weights)
  products = np.einsum('nk,nk->n', weights, moments)
  return products / np.sqrt(np.maximum(squares - means**2, 1e-12))
