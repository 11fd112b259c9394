"""A network as a pure function of plain pytrees."""

import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.arrays import Features


@dataclasses.dataclass(frozen=True)
class Network:
  """The static half of a Flax NNX module; the arrays are given at each call.

  Attributes:
    graph: The module's graph definition.
    constants: Values of constant channels that the module sees after those of its input.
    target_constants: Of a generator, those for an image of its target domain.
    with_pixels: The activations that a generator's `encode` returns begin with the image itself.
    condition: Of a generator that is told about the images to make, the condition if none is given;
      see data/condition.py.
    label_planes: Of a network that sees labels and is told class temperatures, the first plane of
      labels in its input and their number; see `with_condition`.
    style_size: Of a generator by example, the length of a style, which it is told as a condition;
      see exemplar.py. 0 of all others.
  """

  graph: nnx.GraphDef
  constants: tuple[float, ...] = ()
  target_constants: tuple[float, ...] = ()
  with_pixels: bool = True
  condition: tuple[float, ...] = ()
  label_planes: tuple[int, int] | None = None
  style_size: int = 0

  @property
  def told(self) -> int:
    """The length of a condition; 0 if the module takes none."""
    return self.style_size or len(self.condition)

  def __call__(
    self,
    params: Any,
    batch_stats: Any,
    x: Any,
    *,
    training: bool,
    keys: jax.Array | None = None,
    condition: jax.Array | None = None,
    true_base: jax.Array | None = None,
  ) -> tuple[Any, Any]:
    """Applies the module.

    Args:
      params: Trainable arrays, nested dicts.
      batch_stats: Running batch statistics, nested dicts; empty without batch norm.
      x: Images, float32 [batch, height, width, channels] in [-1, 1]. A projection network takes a
        list of patches instead, see projection.py.
      training: Use the batch's own statistics and update the running ones; otherwise use the
        running ones.
      keys: One random key for each image, for a generator's dropout. Without keys there is none.
      condition: Of each image, float32 [batch, size]; None for `self.condition`, or the mean style.
      true_base: Of a generator of two stages in training, which then returns what
        `TwoStageGenerator.stages` does.

    Returns:
      The output and the new batch statistics.
    """
    module = self.module(params, batch_stats)
    module.train() if training else module.eval()
    y = self.apply(module, x, keys, condition, true_base)
    return y, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))

  def module(self, params: Any, batch_stats: Any) -> Any:
    """Returns the module with its arrays; each call makes a new one."""
    return nnx.merge(self.graph, params, batch_stats, copy=True)

  def apply(
    self,
    module: Any,
    x: Any,
    keys: jax.Array | None = None,
    condition: jax.Array | None = None,
    true_base: jax.Array | None = None,
  ) -> Any:
    """Applies what `module` returned; for the other arguments see `__call__`."""
    x = self._with_constants(x, condition)
    if true_base is not None:
      return module.stages(x, true_base, keys)
    if self.style_size:
      return module(x, style=condition)
    return module(x) if keys is None else module(x, keys)

  def encode(
    self, params: Any, batch_stats: Any, x: jax.Array, condition: jax.Array | None = None
  ) -> Features:
    """Returns the activations of a generator that PatchNCE compares, see generators.py.

    The batch's own statistics are used, and the running ones stay as they are.
    """
    module = self.module(params, batch_stats)
    module.train()
    features, _ = module.encode(self._with_constants(x, condition))
    return features if self.with_pixels else features[1:]

  def _with_constants(self, x: Any, condition: jax.Array | None) -> Any:
    if self.constants:
      x = with_channels(x, self.constants)
    if self.condition:
      told = self.condition if condition is None else condition
      x = with_condition(x, told, self.label_planes)
    return x


def with_channels(images: jax.Array, values: Any) -> jax.Array:
  """Appends constant channels to images [batch, height, width, channels].

  `values` are [n], the same for all images, or [batch, n].
  """
  values = jnp.asarray(values, images.dtype)
  planes = values.reshape(-1, 1, 1, values.shape[-1])
  planes = jnp.broadcast_to(planes, (*images.shape[:-1], values.shape[-1]))
  return jnp.concatenate([images, planes], axis=-1)


def with_condition(
  images: jax.Array, values: Any, label_planes: tuple[int, int] | None
) -> jax.Array:
  """Appends a condition to images [batch, height, width, channels], as constant channels.

  Class temperatures beside labels are not constant: the channel of a class has its temperature
  where the class is, and 0 elsewhere. A network need not learn which number is for which pixels.

  Args:
    images: What a network sees.
    values: [n], the same for all images, or [batch, n].
    label_planes: The first plane of labels in `images` and their number, which are the first of
      `values`; None for constant channels.
  """
  told = with_channels(images, values)
  if label_planes is None:
    return told
  first, n = label_planes
  before, levels, rest = jnp.split(told, [images.shape[-1], images.shape[-1] + n], axis=-1)
  here = images[..., first : first + n] > 0
  return jnp.concatenate([before, jnp.where(here, levels, 0), rest], axis=-1)
