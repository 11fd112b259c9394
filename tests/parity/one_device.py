"""Our training steps in float64 on one device, from arrays of the peer's."""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.data.source import Domain
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training import state as state_lib, steps
from tests.training import fresh


def stepped(
  config: Config,
  domains: dict[str, Domain],
  data: list[dict[str, np.ndarray]],
  **arrays: Mapping[str, Any],
) -> Iterator[tuple[state_lib.TrainState, dict[str, float]]]:
  """Our state and terms after each step; `arrays` are parts of the state at the start."""
  start = dataclasses.replace(state_lib.initialize(config, domains), **arrays)
  wide = lambda x: np.asarray(x, np.float64) if x.dtype == np.float32 else np.asarray(x)
  start = jax.tree.map(lambda x: jnp.asarray(wide(x))[None], start)
  step = functools.partial(
    steps.train_step,
    nets=networks.build(config.model, domains),
    config=config,
    optimizer=fresh.optimizer(config),
  )
  step = jax.pmap(step, axis_name='devices', devices=jax.devices()[:1])
  for batch in data:
    start, terms = step(start, {name: x[None] for name, x in batch.items()})
    yield (
      jax.tree.map(lambda x: np.asarray(x[0]), start),
      {k: float(v[0]) for k, v in terms.items()},
    )
