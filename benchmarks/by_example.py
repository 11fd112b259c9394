"""Rendered scenes in the style of others: does a warmer reference warm what a model makes?

For counterfactuals.py, of models by example (--preset=exemplar). A scene is translated in the style
of true IR images in air that is colder and warmer: of the same scene, and of another one.
"""

from collections.abc import Sequence

import numpy as np

from cyclegan_jax.image_files import images
from cyclegan_jax.inference import model as model_lib
from datasets import temperatures
from datasets.synthetic import render


def measure(
  model: model_lib.Model, rendered: Sequence[Sequence[render.Rendering]]
) -> dict[str, float]:
  """Returns figures, means over scenes.

  `slope_own` and `slope_other` are slopes of the mean level of results against that of references,
  over the offsets of each scene, for references of the same and of another scene;
  `edges` is the correlation between the image gradients of results in the coldest and in the
  warmest style; `psnr_styled` and `psnr_mean` are in dB, in the style of the true image and in the
  mean style of training; `error_kelvin_styled` and `error_kelvin_mean` are mean absolute errors of
  the mean temperature of an image.
  """
  rgb, ir, data = model.domains['rgb'], model.domains['ir'], model.config.data
  scale = temperatures.scale(data, ir.max_value)
  small = lambda image: images.resize(image, data.image_size, data.resize)
  truth = np.stack([[small(one.ir) for one in scene] for scene in rendered]).astype(np.float64)
  x = np.stack([rgb.normalize(small(scene[0].rgb)) for scene in rendered])
  styles = np.stack([[model.style(one.ir) for one in scene] for scene in rendered])
  generator = model.translators['rgb_to_ir']
  levels = lambda values: ir.quantize(ir.denormalize(values)).astype(np.float64)
  make = lambda styles: levels(
    generator(np.repeat(x, styles.shape[1], 0), styles.reshape(-1, styles.shape[-1]))
  ).reshape(truth.shape)
  own, other, plain = make(styles), make(np.roll(styles, 1, 0)), levels(generator(x))[:, None]
  means = lambda y: y.mean((2, 3, 4))
  psnr = lambda y: float(
    np.mean(10 * np.log10(ir.max_value**2 / np.mean((y - truth) ** 2, (2, 3, 4))))
  )
  warmth = lambda y: scale.values(y).mean((2, 3, 4))
  error = lambda y: float(np.mean(np.abs(warmth(y) - warmth(truth))))
  return {
    'scenes': len(rendered),
    'slope_own': slope(means(truth), means(own)),
    'slope_other': slope(np.roll(means(truth), 1, 0), means(other)),
    'edges': _edges(own[:, 0], own[:, -1]),
    'psnr_styled': psnr(own),
    'psnr_mean': psnr(plain),
    'error_kelvin_styled': error(own),
    'error_kelvin_mean': error(plain),
  }


def slope(x: np.ndarray, y: np.ndarray) -> float:
  """Returns the least-squares slope of y against x within each row, [rows, n], and its mean."""
  apart = x - x.mean(1, keepdims=True)
  return float(np.mean((apart * y).sum(1) / (apart**2).sum(1)))


def _edges(a: np.ndarray, b: np.ndarray) -> float:
  """The mean correlation of gradients of images [n, height, width, 1]."""
  flat = lambda y: np.concatenate([np.diff(y, axis=i).reshape(len(y), -1) for i in (1, 2)], 1)
  return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(flat(a), flat(b))]))
