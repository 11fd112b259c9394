"""Random changes of images in training, so that few images show many lights and temperatures.

RGB images change their colors. The gray levels of IR images are what a model has to learn, so they
change only where the model is told how.
"""

import math

import numpy as np

from cyclegan_jax.data.labels import UNLABELED
from cyclegan_jax.data.source import quantize
from cyclegan_jax.image_files.images import LUMA_WEIGHTS, luminance
from cyclegan_jax.settings import DataConfig

# Chrominance, the I and Q of NTSC's YIQ (Rec. 601 luma), from RGB.
_CHROMA = np.array([[0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_YIQ = np.vstack([LUMA_WEIGHTS, _CHROMA])


def jitter(pixels: np.ndarray, config: DataConfig, rng: np.random.Generator) -> np.ndarray:
  """Changes an RGB image's brightness, contrast, hue, and saturation at random.

  Args:
    pixels: uint8 or uint16 [height, width, 1 or 3]; hue and gray change only three channels.
    config: The settings jitter_* are read; if all are 0, the image is returned as it is.
    rng: Draws the changes.

  Returns:
    An image of the same shape and dtype, clipped to its range.
  """
  spans = (config.jitter_brightness, config.jitter_contrast, config.jitter_hue)
  if not (any(spans) or config.jitter_gray):
    return pixels
  brightness, contrast, hue = (span * rng.uniform(-1, 1) for span in spans)
  values = pixels.astype(np.float32) * (1 + brightness)
  values += contrast * (values - luminance(values).mean())
  if pixels.shape[-1] == 3:
    values = values @ _hue_matrix(hue).T
    if rng.random() < config.jitter_gray:
      values = np.repeat(luminance(values), 3, axis=-1)
  return quantize(values, np.iinfo(pixels.dtype).max)


def jitter_ir(
  pixels: np.ndarray,
  labels: np.ndarray | None,
  mask: np.ndarray | None,
  config: DataConfig,
  rng: np.random.Generator,
) -> np.ndarray:
  """Makes each class of an IR image warmer or colder at random; its condition has to follow.

  In the world, the classes of an image are warm or cold together, and networks told so learn only
  that. Here they change one by one, while what is within a class stays the same.

  Args:
    pixels: uint8 or uint16 [height, width, channels].
    labels: Class indices, uint8 [height, width], 255 for no class, which stays as it is; None for a
      change of the whole image, and of its contrast.
    mask: bool [height, width, 1], the pixels that may change; None for all.
    config: `condition_jitter` is read; if it is 0, the image is returned as it is.
    rng: Draws the changes.

  Returns:
    An image of the same shape and dtype, clipped to its range.
  """
  if not config.condition_jitter:
    return pixels
  highest, values = np.iinfo(pixels.dtype).max, pixels.astype(np.float32)
  if labels is None:
    shift, stretch = rng.normal(0, config.condition_jitter, 2)
    middle = np.median(values if mask is None else values[np.broadcast_to(mask, values.shape)])
    values = values + shift * highest + stretch * (values - middle)
  else:
    shifts = rng.normal(0, config.condition_jitter * highest, UNLABELED + 1)
    shifts[UNLABELED] = 0
    values = values + shifts[labels][..., np.newaxis]
  changed = quantize(values, highest)
  return changed if mask is None else np.where(mask, changed, pixels)


def _hue_matrix(turn: float) -> np.ndarray:
  """The matrix that turns colors around the gray axis by a share of the circle, float32 [3, 3]."""
  cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
  rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
  return (np.linalg.inv(_YIQ) @ rotation @ _YIQ).astype(np.float32)
