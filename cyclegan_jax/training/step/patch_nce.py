"""PatchNCE (Park et al. 2020, section 3): a generated image looks like its source at each place.

A patch is a position in a layer of an encoder. Of each generated image some patches are queries.
The patch of the source image at the same position is the positive, those at the other drawn
positions are the negatives; the loss is the cross entropy of picking the positive by similarity.

Patches without thermal data are drawn only if an image has too few others, and then count neither
as queries nor as negatives.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int
import optax

from cyclegan_jax.arrays import AnyArray, Features, Mask, Scalar

# A projection network with its arrays, see `Network`: the patches of all layers, [batch, patches,
# channels] each, to unit vectors, and its batch statistics, of which it has none.
Project = Callable[[Sequence[jax.Array]], tuple[Sequence[jax.Array], Any]]

# A logarithm of a probability of 0.
_NEVER = -1e9


class Places(NamedTuple):
  """Positions in a layer that are compared.

  Attributes:
    index: Of the position, counted row by row; int32 [batch, patches].
    counts: Whether it counts; bool [batch, patches].
  """

  index: Int[AnyArray, 'batch patches']
  counts: Bool[AnyArray, 'batch patches']


def loss(
  source: Features,
  generated: Features,
  project: tuple[Project, Project],
  keys: jax.Array,
  *,
  patches: int,
  temperature: float,
  mask: Mask | None = None,
) -> Scalar:
  """Compares generated images with their sources.

  Args:
    source: What an encoder makes of the source images; it gets no gradient.
    generated: What an encoder makes of the generated ones, layers of the same sizes.
    project: The projections of both.
    keys: One random key for each image.
    patches: The number for each image and layer; small layers have fewer.
    temperature: Divides similarities.
    mask: Of the source images; None if all their pixels count.

  Returns:
    The mean over queries that count, then over images and layers.
  """
  sizes = [(feature.shape[1], feature.shape[2]) for feature in source]
  drawn = places(keys, sizes, patches, mask)
  projected = [
    projection([_take(feature, place) for feature, place in zip(features, drawn)])[0]
    for projection, features in zip(project, (source, generated))
  ]
  terms = [
    contrast(q, lax.stop_gradient(k), place.counts, temperature)
    for k, q, place in zip(*projected, drawn)
  ]
  return jnp.mean(jnp.stack(terms))


def places(
  keys: jax.Array, sizes: Sequence[tuple[int, int]], patches: int, mask: Mask | None = None
) -> list[Places]:
  """Draws different positions for each image and layer, those that count first.

  Args:
    keys: One random key for each image.
    sizes: Height and width of each layer.
    patches: How many in each layer; at most all.
    mask: The pixels of the images that count; None for all.
  """
  drawn = []
  for layer, size in enumerate(sizes):
    n = size[0] * size[1]
    layer_keys = jax.vmap(lambda key, layer=layer: jax.random.fold_in(key, layer))(keys)
    order = jax.vmap(lambda key, n=n: jax.random.uniform(key, (n,), jnp.float32))(layer_keys)
    if mask is not None:
      order = jnp.where(_resize(mask, size).reshape(-1, n), order, -1.0)
    highest, index = lax.top_k(order, min(patches, n))
    drawn.append(Places(index, highest >= 0))
  return drawn


def contrast(
  queries: Float[AnyArray, 'batch patches width'],
  keys: Float[AnyArray, 'batch patches width'],
  counts: Bool[AnyArray, 'batch patches'],
  temperature: float,
) -> Scalar:
  """InfoNCE of unit vectors: queries[i] picks keys[i] among all keys of its image that count."""
  logits = jnp.einsum('bqc,bkc->bqk', queries, keys) / temperature
  logits = jnp.where(counts[:, None], logits, _NEVER)
  labels = jnp.broadcast_to(jnp.arange(keys.shape[1]), counts.shape)
  terms = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
  total = jnp.sum(jnp.where(counts, terms, 0), axis=1)
  # An image without a patch that counts adds 0.
  return jnp.mean(total / jnp.maximum(jnp.sum(counts, axis=1), 1))


def _take(feature: jax.Array, places: Places) -> Float[AnyArray, 'batch patches channels']:
  batch, height, width, channels = feature.shape
  flat = feature.reshape(batch, height * width, channels)
  return jnp.take_along_axis(flat, places.index[..., None], axis=1)


def _resize(mask: Mask, size: tuple[int, int]) -> Mask:
  """The mask of a layer: a position counts if all pixels of its square do.

  A layer is smaller than the image by a whole factor, or larger by a mirrored border.
  """
  border = [max(0, (after - before) // 2) for before, after in zip(mask.shape[1:3], size)]
  mask = jnp.pad(mask, [(0, 0), *((b, b) for b in border), (0, 0)], 'reflect')
  batch, height, width, _ = mask.shape
  squares = mask.reshape(batch, size[0], height // size[0], size[1], width // size[1])
  return jnp.all(squares, axis=(2, 4))[..., None]
