"""DiffAugment (Zhao et al. 2020): random, differentiable changes of what discriminators see.

A discriminator of few images learns them by heart. It is shown real and generated images moved and
partly hidden instead, and gradients pass through these changes to the generator.
"""

from collections.abc import Callable, Mapping, Sequence
import types

import jax
import jax.numpy as jnp

from cyclegan_jax.arrays import Images

# The largest move, and the side of the hidden square, as shares of the image's sides.
_MOVE = 1 / 8
_HIDDEN = 1 / 2


def augment(images: Images, keys: jax.Array, kinds: Sequence[str]) -> Images:
  """Changes each image at random; all its channels (for pix2pix RGB and IR) alike.

  Args:
    images: float32 [batch, height, width, channels].
    keys: One random key for each image.
    kinds: Names in KINDS, in the order of their use.

  Returns:
    Images of the same shape. What comes into view at a border, and what is hidden, is 0.
  """
  for i, kind in enumerate(kinds):
    images = jax.vmap(lambda x, key, i=i, kind=kind: KINDS[kind](x, jax.random.fold_in(key, i)))(
      images, keys
    )
  return images


def _translate(image: jax.Array, key: jax.Array) -> jax.Array:
  """Moves by up to an eighth of each side; 0 comes in."""
  height, width, channels = image.shape
  border = [round(side * _MOVE) for side in (height, width)]
  padded = jnp.pad(image, [(b, b) for b in border] + [(0, 0)])
  place = [jax.random.randint(k, (), 0, 2 * b + 1) for k, b in zip(jax.random.split(key), border)]
  return jax.lax.dynamic_slice(padded, (*place, 0), (height, width, channels))


def _cutout(image: jax.Array, key: jax.Array) -> jax.Array:
  """Sets a square of half the sides, whose center is anywhere, to 0."""
  hidden = []
  for k, side in zip(jax.random.split(key), image.shape[:2]):
    size = round(side * _HIDDEN)
    first = jax.random.randint(k, (), 0, side + 1 - size % 2) - size // 2
    place = jnp.arange(side)
    hidden.append((place >= first) & (place < first + size))
  return jnp.where((hidden[0][:, None] & hidden[1][None])[..., None], 0.0, image)


KINDS: Mapping[str, Callable[[jax.Array, jax.Array], jax.Array]] = types.MappingProxyType(
  {'translation': _translate, 'cutout': _cutout}
)
