"""CycleGAN and its paired peers for RGB to thermal infrared translation, in JAX.

cyclegan_jax.load('runs/demo').translate(rgb)
"""

from __future__ import annotations

import pathlib
import typing

if typing.TYPE_CHECKING:
  from cyclegan_jax.inference.model import Model


def load(workdir: str | pathlib.Path, checkpoint: str = 'best') -> Model:
  """A trained model from its run folder; see `inference.model.load` and `Model.translate`."""
  # Late: everything else in the package imports this module, and JAX takes long.
  from cyclegan_jax.inference import model  # pylint: disable=g-import-not-at-top

  return model.load(workdir, checkpoint)
