"""What networks are told about the IR image of a training example, and how the image is varied."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cyclegan_jax.data import condition, jitter
from cyclegan_jax.data.source import Domain
from cyclegan_jax.settings import DataConfig


def draw(
  example: Mapping[str, Any], ir: Domain, config: DataConfig, rng: np.random.Generator
) -> dict[str, np.ndarray]:
  """Returns the condition of an example, and its IR image as the networks see it.

  A share of the examples (--condition_dropout) are told what stands for an unknown condition, the
  means of training: so networks learn to do without.

  Args:
    example: Its IR pixels, and perhaps `ir_mask` and `labels`, cropped.
    ir: The domain, whose condition is read.
    config: The settings condition_* are read.
    rng: Draws.

  Returns:
    {} if networks are told nothing. Otherwise under `condition.KEY` float32 [size]; and `ir`, if
    the image has changed (--condition_jitter).
  """
  told = ir.condition
  if not told:
    return {}
  if rng.random() < config.condition_dropout:
    return {condition.KEY: np.array(told.default, np.float32)}
  labels, mask = example['labels'] if told.needs_labels else None, example.get('ir_mask')
  pixels = jitter.jitter_ir(example['ir'], labels, mask, config, rng)
  labels, mask = (None if x is None else x[np.newaxis] for x in (labels, mask))
  vectors = told.of_images(ir.normalize(pixels)[np.newaxis], labels, mask)
  return {'ir': pixels, condition.KEY: vectors[0]}
