"""Textures and data sets of pairs, whose shifts are known."""

import numpy as np
from scipy import ndimage

from cyclegan_jax import normalization
from cyclegan_jax.data.source import Dataset, Domain, Split
from cyclegan_jax.image_files import images

_MARGIN = 24


def texture(height=200, width=320, seed=0, sigma=3.0):
  """uint8 [height, width, 1] with structure everywhere, 40 to 215."""
  noise = np.random.default_rng(seed).random((height, width, 1))
  smooth = ndimage.gaussian_filter(noise, (sigma, sigma, 0))
  low, high = smooth.min(), smooth.max()
  return np.rint(40 + 175 * (smooth - low) / (high - low)).astype(np.uint8)


def gray_rgb(gray):
  """Gray as three channels."""
  return np.repeat(gray, 3, axis=-1)


def shifted(rgb, ir, x, y):
  """Crops a pair so that IR has to be moved by (x, y)."""
  inner = slice(_MARGIN, rgb.shape[0] - _MARGIN), slice(_MARGIN, rgb.shape[1] - _MARGIN)
  moved = np.roll(ir, (-y, -x), (0, 1))
  return rgb[inner], moved[inner]


def dataset(pairs, aligned=True, name='made up'):
  """Of pairs (id, rgb, ir): half of them for training, half for the test."""
  records = [
    {
      'rgb': images.encode_png(rgb),
      'ir': images.encode_png(ir),
      'id': identity.encode(),
      'sequence': b'',
    }
    for identity, rgb, ir in pairs
  ]
  domains = {
    key: Domain(key, channels, normalization.Plain()) for key, channels in (('rgb', 3), ('ir', 1))
  }
  half = len(records) // 2
  splits = {
    split: Split(split, part, part, aligned)
    for split, part in (('train', records[:half]), ('test', records[half:]))
  }
  return Dataset(name, 'for <tests>', 'abc', domains, splits)
