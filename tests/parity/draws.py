"""Our random draws of a step, as the PyTorch texts take them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch

from cyclegan_jax.models import layers
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import image_pool, patch_nce, rng as rng_lib
from tests.parity import torch_cut, torch_steps


def pool_draws(config: Config, domain: str, step: int) -> list[int]:
  """Our draws of a step as the PyTorch pool takes them."""
  draws = image_pool.draw(
    rng_lib.pool(config, domain, step), config.train.batch_size, config.train.pool_size
  )
  return np.where(draws.swap, draws.place, torch_steps.FRESH).tolist()


def dropout_masks(
  config: Config, step: int, keys_of: Callable[[jax.Array], jax.Array] = lambda keys: keys
) -> list[np.ndarray]:
  """What our U-Net keeps in a step, float64 [batch, height, width, channels], the deepest first.

  `keys_of` makes its keys of those of the images.
  """
  model, rows = config.model, config.train.batch_size
  keys = keys_of(rng_lib.dropout(config, step, jnp.arange(rows)))
  masks = []
  for layer in range(1, model.n_downsampling - 4):
    inside = model.n_downsampling - 1 - layer
    shape = (
      rows,
      *(side // 2**inside for side in config.data.image_size),
      model.base_width * min(2 ** (inside - 1), 8),
    )
    masks.append(np.asarray(layers.dropout(jnp.ones(shape), model.dropout, keys, layer) != 0))
  return [mask.astype(np.float64) for mask in masks]


def places(
  config: Config, step: int, domain: str, generator_pass: int, sizes: list[tuple[int, int]]
) -> torch_cut.Places:
  """The positions that we draw for the images of a domain, in layers of these sizes."""
  rows = jnp.arange(config.train.batch_size)
  keys = rng_lib.patches(config, step, rows, domain, generator_pass)
  drawn = patch_nce.places(keys, sizes, config.loss.nce_patches)
  return [torch.from_numpy(np.array(place.index, np.int64)) for place in drawn]


def mirrored(config: Config, step: int) -> torch.Tensor | None:
  """Which images our networks see mirrored in a step."""
  if not config.loss.flip_equivariance:
    return None
  return torch.from_numpy(
    np.array(rng_lib.mirrored(config, step, jnp.arange(config.train.batch_size)))
  )
