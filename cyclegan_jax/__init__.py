"""CycleGAN and its paired peers for RGB to thermal infrared translation, in JAX.

model = cyclegan_jax.load('runs/demo')
ir = model.translate(rgb)
evaluation = cyclegan_jax.evaluate(model, dataset)
"""

from __future__ import annotations

import pathlib
import typing

if typing.TYPE_CHECKING:
  from cyclegan_jax.data.source import Dataset
  from cyclegan_jax.evaluation.evaluate import Evaluation
  from cyclegan_jax.inference.model import Model

# Imports are late: everything else in the package imports this module, and JAX takes long.


def load(workdir: str | pathlib.Path, checkpoint: str = 'best') -> Model:
  """Loads a trained model from its run folder; see `inference.model.load`, `Model.translate`."""
  from cyclegan_jax.inference import model

  return model.load(workdir, checkpoint)


def evaluate(
  model: Model, dataset: Dataset, split: str = 'test', **options: typing.Any
) -> Evaluation:
  """Measures a model beside trivial baselines; see `evaluation.evaluate.evaluate`."""
  from cyclegan_jax.evaluation import evaluate as evaluate_lib

  return evaluate_lib.evaluate(model, dataset, split, **options)
