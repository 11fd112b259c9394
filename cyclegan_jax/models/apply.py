"""The one way to apply a trained generator: network values in, network values out."""

from collections.abc import Callable, Mapping
import functools
from typing import Any

import jax
import numpy as np

from cyclegan_jax.models import networks

Translator = Callable[[np.ndarray], jax.Array]


@functools.partial(jax.jit, static_argnums=0)
def translate(net: networks.Network, params: Any, batch_stats: Any, x: jax.Array) -> jax.Array:
  """A generator in evaluation mode: network values in and out, [batch, height, width, c]."""
  return net(params, batch_stats, x, training=False)[0]


def translators(
  nets: Mapping[str, networks.Network], params: Mapping[str, Any], batch_stats: Mapping[str, Any]
) -> dict[str, Translator]:
  """The generators, each with its arrays, by name."""
  return {
    name: functools.partial(translate, nets[name], params[name], batch_stats[name])
    for name in nets
    if '_to_' in name
  }
