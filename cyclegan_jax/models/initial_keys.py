"""Random keys for initial parameters."""

from flax import nnx
import jax


class InitialKeys(nnx.Rngs):
  """The keys of `nnx.Rngs(key)`, drawn by a counter that is not traced.

  Flax counts in an array. In a traced function each count looks for where that array came from,
  which takes longer the more has been traced: a sixth of the time to build a U-Net discriminator.
  """

  def __init__(self, key: jax.Array | int):
    super().__init__(key)
    self.drawn = 0

  def params(self) -> jax.Array:
    """Returns the next key."""
    self.drawn += 1
    return jax.random.fold_in(self.default.key[...], self.drawn - 1)
