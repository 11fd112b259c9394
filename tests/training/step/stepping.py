"""Training steps over some of the tests' virtual devices."""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import functools
from typing import Any
from unittest import mock

import jax
import numpy as np

from cyclegan_jax.data.source import Domain, make_domains
from cyclegan_jax.devices import DEVICE_AXIS
from cyclegan_jax.models import networks
from cyclegan_jax.ops import convolutions
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import state as state_lib, steps
from tests.training import fresh

Batch = Mapping[str, np.ndarray]


def over(
  config: Config,
  devices: int = 1,
  domains: Mapping[str, Domain] | None = None,
  class_weights: np.ndarray | None = None,
) -> jax.stages.Wrapped:
  """The training step of the first `devices` ones, not compiled yet."""
  domains = domains or make_domains(config.data)
  step = functools.partial(
    steps.train_step,
    nets=networks.build(config.model, domains),
    config=config,
    optimizer=fresh.optimizer(config),
    class_weights=class_weights,
    inputs=domains['rgb'].inputs,
  )
  return jax.pmap(step, axis_name=DEVICE_AXIS, devices=jax.devices()[:devices])


def trajectory(
  config: Config,
  devices: int,
  data: Iterable[Batch],
  domains: Mapping[str, Domain] | None = None,
  class_weights: np.ndarray | None = None,
  **arrays: Any,
) -> Iterator[tuple[state_lib.TrainState, Any]]:
  """Yields state and terms of all devices after each batch; in float64 where that is enabled.

  All batches have one shape. `arrays` are parts of the state at the start.
  """
  domains = domains or make_domains(config.data)
  start = dataclasses.replace(state_lib.initialize(config, domains), **arrays)
  state = jax.tree.map(lambda x: np.broadcast_to(_wide(x), (devices, *np.shape(x))), start)
  program = None
  for batch in data:
    rows = {name: _wide(x).reshape(devices, -1, *x.shape[1:]) for name, x in batch.items()}
    if program is None:
      # Once. Of arrays as they come and of arrays that a step returned pmap would make two.
      with _plain_convolutions():
        program = over(config, devices, domains, class_weights).lower(state, rows).compile()
    state, terms = program(state, rows)
    yield state, terms


def run(config: Config, devices: int, data: Iterable[Batch], **more: Any) -> tuple[Any, Any, Any]:
  """The state and terms after all batches, and the state of all devices."""
  *_, (state, terms) = trajectory(config, devices, data, **more)
  return first(state), first(terms), state


def run_in_float64(
  config: Config, devices: int, data: Iterable[Batch], **more: Any
) -> tuple[Any, Any]:
  """The state and terms after all batches."""
  with jax.enable_x64(True):
    state, terms, _ = run(config, devices, data, **more)
  return state, terms


def first(tree: Any) -> Any:
  """The first device's copy."""
  return jax.tree.map(lambda x: np.asarray(x[0]), tree)


def assert_close(got: Any, want: Any, atol: float) -> None:
  """All arrays of two trees are equal but for `atol`."""
  jax.tree.map_with_path(
    lambda path, a, b: np.testing.assert_allclose(
      a, b, atol=atol, rtol=0, err_msg=jax.tree_util.keystr(path)
    ),
    got,
    want,
  )


def assert_same_on_devices(replicas: Any) -> None:
  """The first and the fourth device hold the same, to the bit."""
  for leaf in jax.tree.leaves(replicas):
    np.testing.assert_array_equal(leaf[0], leaf[3])


def _plain_convolutions() -> Any:
  """Those of lax, as on a GPU: a third less to compile. tests/ops and tests/parity use a CPU's."""
  plain = lambda *given, cpu, default: default(*given)
  return mock.patch.object(convolutions.lax, 'platform_dependent', plain)


def _wide(x: Any) -> np.ndarray:
  x = np.asarray(x)
  return x.astype(jax.dtypes.canonicalize_dtype(np.float64)) if x.dtype == np.float32 else x
