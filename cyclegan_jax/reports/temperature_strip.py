"""One RGB image and the IR images that a model makes of it, from cold to warm."""

import numpy as np

from cyclegan_jax.evaluation.evaluate import Evaluation
from cyclegan_jax.reports import image_grid

FILE = 'temperatures.png'
# Standard deviations of the training images, a mean over the quantities.
_STEPS = (-2, -1, 0, 1, 2)


def draw(evaluation: Evaluation, index: int) -> np.ndarray:
  """Draws an example under five temperatures: uint8 [height, width, 3].

  All quantities of the model's condition are their means of the training images, plus the same
  number each. Beside them are the RGB image and the true IR image.
  """
  model, example = evaluation.model, evaluation.examples[index]
  assert example
  rgb, ir = model.domains['rgb'], model.domains['ir']
  told = ir.condition
  assert told
  seen = np.array(told.share) > 0
  step = float(np.mean(np.array(told.spread)[seen]))
  vectors = np.repeat(np.array([told.default], np.float32), len(_STEPS), 0)
  moved = told.levels(vectors) + step * np.array(_STEPS)[:, np.newaxis] * seen
  vectors[:, : len(seen)] = np.clip(moved, -1, 1)
  x = np.repeat(rgb.seen(example)[np.newaxis], len(_STEPS), 0)
  generated = ir.to_pixels(model.translators['rgb_to_ir'](x, vectors))
  titles = [_title(evaluation, told.levels(vectors)[i][seen], i) for i in range(len(_STEPS))]
  return image_grid.grid(
    [[example['rgb'], example['ir'], *generated]], titles=['RGB', 'IR, true', *titles]
  )


def _title(evaluation: Evaluation, levels: np.ndarray, index: int) -> str:
  """How much warmer than the mean of training these levels are."""
  ir = evaluation.model.domains['ir']
  told, scale = ir.condition, evaluation.scale
  assert told
  if not _STEPS[index]:
    return 'mean of training'
  means = np.array(told.mean)[np.array(told.share) > 0]
  ends = [ir.denormalize(values) for values in (means, levels)]
  unit = scale.difference_unit if scale else 'gray levels'
  before, after = (np.mean(scale.values(end) if scale else end) for end in ends)
  return f'{after - before:+.3g} {unit}'
