"""What every generator has, so that a new one is a class and an entry in GENERATORS."""

from typing import Any

from flax import nnx
import jax

from cyclegan_jax.arrays import Features
from cyclegan_jax.models import reach
from cyclegan_jax.settings import ModelConfig


class Generator(nnx.Module):
  """A generator; see generators.py for shapes, and for what `encode` returns."""

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs):
    """Draws the initial weights."""
    raise NotImplementedError

  def __call__(self, x: Any, keys: jax.Array | None = None) -> Any:
    """Translates images."""
    raise NotImplementedError

  def encode(self, x: Any) -> tuple[Features, Any]:
    """Returns what PatchNCE compares, and the input of the layers that enlarge."""
    raise NotImplementedError

  @staticmethod
  def deepest_path(config: ModelConfig) -> list[reach.Layer]:
    """Returns the path with the largest field from input to output; tiles overlap as it says.

    With instance norm, every output also depends on moments of the whole image. The path is then
    that for given moments.
    """
    raise NotImplementedError

  @staticmethod
  def peak_arrays(config: ModelConfig) -> float:
    """Returns the peak memory of a translation, as XLA reports it.

    It counts float32 arrays of the image's size with as many channels as the first layer has;
    larger images are cut into tiles.
    """
    raise NotImplementedError
