"""Images of different sizes in one batch: each in the upper left corner of a canvas.

One compiled program then serves them all. Each layer of a generator sees every image's own border
where the canvas goes on: zeros, or the mirrored image, as its padding has it. Instance norm and
layer norm count the pixels of the image alone. So the result is that of the image without a canvas,
up to rounding; what the canvas holds elsewhere does not matter.
"""

from collections.abc import Callable
import functools
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.models import layers
from cyclegan_jax.models.replaced import replace

_Change = Callable[[jax.Array], jax.Array]


def fit(module: nnx.Module, sizes: jax.Array, height: int) -> None:
  """Changes a generator's layers so that they see the borders of images on a canvas.

  Args:
    module: In evaluation mode.
    sizes: int32 [batch, 2], height and width of each image, multiples of the generator's stride
      that leave at least that much of the canvas free, or nothing.
    height: Of the canvas.
  """

  def here(x: jax.Array) -> jax.Array:
    """The sizes of the images where a layer has halved the canvas, or not."""
    return sizes * x.shape[1] // height

  for _, part in list(nnx.iter_modules(module)):
    own: Any = part
    if isinstance(part, layers.Conv) and part.width:
      mirrored = lambda x, n=part.width: _continued(x, here(x), n, lambda size, i: size - 2 - i)
      own.pad = _after(part.pad, mirrored)
    elif isinstance(part, layers.Conv) and part.padding:
      own.pad = _after(part.pad, lambda x: jnp.where(_inside(x, here(x)), x, 0))
    elif isinstance(part, layers.ConvTranspose):
      own.apply = _applied(part.apply, lambda x: jnp.where(_inside(x, here(x)), x, 0))
    elif isinstance(part, layers.BilinearConv):
      repeated = lambda x: _continued(x, here(x), 1, lambda size, i: size - 1)
      own.enlarge = _after(part.enlarge, repeated)
  for kind in (nnx.InstanceNorm, nnx.LayerNorm):
    replace(module, kind, lambda norm: lambda x: norm(x, mask=_inside(x, here(x))))


def _after(method: _Change, change: _Change) -> _Change:
  return lambda x: method(change(x))


def _applied(method: Callable[..., jax.Array], change: _Change) -> Callable[..., jax.Array]:
  return lambda operation, x: method(operation, change(x))


def _inside(x: jax.Array, sizes: jax.Array) -> jax.Array:
  """Whether a pixel is one of its image: bool [batch, height, width, 1]."""
  rows, columns = (jnp.arange(n) < sizes[:, i, None] for i, n in enumerate(x.shape[1:3]))
  return (rows[:, :, None] & columns[:, None, :])[..., None]


def _continued(
  x: jax.Array, sizes: jax.Array, n: int, source: Callable[[Any, int], Any]
) -> jax.Array:
  """Images that go on for n rows and columns: the ith is the one that `source(size, i)` names."""
  for axis in (1, 2):
    size = sizes[:, axis - 1].reshape(-1, 1, 1, 1)
    place = jnp.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(4)])
    lines = [jnp.take_along_axis(x, source(size, i), axis) for i in range(n)]
    x = functools.reduce(
      lambda x, line: jnp.where(place == size + line[0], line[1], x), enumerate(lines), x
    )
  return x
