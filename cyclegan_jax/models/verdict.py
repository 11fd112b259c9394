"""What every discriminator returns."""

from typing import NamedTuple

import jax


class Verdict(NamedTuple):
  """The output of a discriminator.

  Attributes:
    scores: Maps of raw scores, float32 [batch, rows, columns, 1] each; higher means real.
    features: For each map the hidden activations before it, from first to last, for feature
      matching.
  """

  scores: tuple[jax.Array, ...]
  features: tuple[tuple[jax.Array, ...], ...]
