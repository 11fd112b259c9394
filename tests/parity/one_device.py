"""Our training steps in float64 on one device, from arrays of the peer's."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cyclegan_jax.data.source import Domain
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import state as state_lib
from tests.training.step import stepping


def stepped(
  config: Config,
  domains: dict[str, Domain],
  data: list[dict[str, np.ndarray]],
  **arrays: Mapping[str, Any],
) -> Iterator[tuple[state_lib.TrainState, dict[str, float]]]:
  """Our state and terms after each step; `arrays` are parts of the state at the start."""
  for state, terms in stepping.trajectory(config, 1, data, domains=domains, **arrays):
    yield stepping.first(state), {name: float(value[0]) for name, value in terms.items()}
