"""What visitors of the try-out page may command: a slider for each quantity of the condition."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from cyclegan_jax.inference.command import Command, ScaleOf
from cyclegan_jax.inference.model import Model
from cyclegan_jax.models import apply

# How far sliders go from the mean of the training images, in standard deviations; and at least, as
# a network value.
_DEVIATIONS, _LEAST = 3, 0.1
_PROGRAMS = 16


class Slider(NamedTuple):
  """A quantity from `low` to `high`, at first `value`."""

  name: str
  low: float
  high: float
  value: float
  unit: str


def of_model(model: Model, direction: str, scale_of: ScaleOf) -> list[Slider]:
  """Returns the sliders of a model, around the means of training; none if it is told nothing."""
  ir, told = model.domains['ir'], model.domains['ir'].condition
  if not told or direction != 'rgb_to_ir':
    return []
  scale = scale_of(model.config.data, ir.max_value)
  unit, sliders = scale.unit if scale else 'gray levels', []
  for name, mean, spread, share in zip(told.names, told.mean, told.spread, told.share):
    if share:
      far = max(_DEVIATIONS * spread, _LEAST)
      gray = ir.denormalize(np.clip([mean - far, mean + far, mean], -1, 1))
      low, high, value = np.asarray(scale.values(gray) if scale else gray).tolist()
      sliders.append(Slider(name, low, high, value, unit))
  return sliders


def translation(
  model: Model, direction: str, scale_of: ScaleOf
) -> Callable[[np.ndarray, Mapping[str, float]], np.ndarray]:
  """Returns what translates an image, given the values of the sliders that have been moved.

  It keeps the programs of few sizes of images: visitors send images of any.
  """

  def translate(image: np.ndarray, levels: Mapping[str, float]) -> np.ndarray:
    told = None
    if levels:
      told = Command(dict(levels), scale_of).condition(model, direction, lambda line: None)
    result = model.translate(image, direction, 'This file', condition=told)
    apply.bound_programs(_PROGRAMS)
    return result

  return translate
