"""One training step, both updates, as a pure function; parallel.py compiles it.

With update_order='discriminators_first' (udacity, pix2pix) the generators are judged by the
discriminators just updated, with 'generators_first' (cyclegan) the discriminators are shown fakes
from before the generators' update. In both orders the generators do not change between the fakes
that they are judged by and those that discriminators learn from, so each fake is computed once.
udacity computes them twice, which moves the running batch statistics twice; objectives.py
(redraw_fakes) does the same without a second pass.

With accumulate=K gradients are sums over K parts of each device's rows, computed one after the
other, so that only one part's activations exist at a time. Discriminators that come first need
all parts' fakes before any generator is judged: these are computed beforehand, once more.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import optax

from cyclegan_jax.models import networks
from cyclegan_jax.models.layers import DEVICE_AXIS
from cyclegan_jax.settings import Config
from cyclegan_jax.training import diagnostics, image_pool, rng
from cyclegan_jax.training.objectives import Batch, Objective, Part, Terms
from cyclegan_jax.training.state import select, TrainState


def train_step(
  state: TrainState,
  batch: Batch,
  *,
  nets: Mapping[str, networks.Network],
  config: Config,
  optimizer: optax.GradientTransformation,
) -> tuple[TrainState, Terms]:
  """Updates all networks once, on one device of the pmap axis.

  Args:
    state: the state, equal on all devices.
    batch: this device's `rgb` and `ir`, float32 [rows, height, width, channels], and perhaps
      `rgb_mask` and `ir_mask`, see pipeline.examples; rows is a multiple of `accumulate`.
    nets: from `networks.build`.
    config: the run.
    optimizer: from `state.make_optimizer`.

  Returns:
    The new state and the loss terms: means over all devices' rows, unweighted but for
    `discriminator_rgb` and `discriminator_ir`, which like `generator`, the weighted sum, are what
    is minimized; two gradient norms; and the figures of `watch.observe`; all float32 scalars.
  """
  step = _Step(nets, config, batch, optimizer)
  discriminators_first = config.train.update_order == 'discriminators_first'
  before, terms, between = state, {}, None
  if discriminators_first and config.train.accumulate > 1:
    before, terms = step.update_discriminators(state, step.fakes(state))
  elif discriminators_first:
    # On the way, so that both updates share the generators' pass.
    between = step.update_discriminators
  generators = select(state.params, networks.generators(config.model))
  gradients, after, generator_terms, fakes = step.gradients(
    lambda part, params, state: part.generators(params, state, between), generators, before
  )
  terms |= generator_terms
  generators, opt_state = step.update(gradients, state.opt_state['generators'], generators)
  terms['generator_gradient_norm'] = _norm(gradients)
  if not discriminators_first:
    after, discriminator_terms = step.update_discriminators(after, fakes)
    terms |= discriminator_terms
  terms |= diagnostics.observe(batch, fakes['ir'], paired=config.data.paired)
  batch_stats = after.batch_stats
  if not config.model.sync_batch_norm:
    batch_stats = _mean_over_devices(batch_stats)
  new_state = dataclasses.replace(
    after,
    step=state.step + 1,
    params={**after.params, **generators},
    batch_stats=batch_stats,
    opt_state={**after.opt_state, 'generators': opt_state},
    ema=_moved_average(state, generators, config.train.ema_decay),
  )
  return new_state, _mean_over_devices(terms)


@dataclasses.dataclass(frozen=True)
class _Step:
  """What stays fixed while one step is computed."""

  nets: Mapping[str, networks.Network]
  config: Config
  batch: Batch
  optimizer: optax.GradientTransformation

  def update_discriminators(self, state: TrainState, fakes: Batch) -> tuple[TrainState, Terms]:
    """All discriminators judge real and fake images, and are updated."""
    shown, state = self.shown(state, fakes)
    discriminators = select(state.params, networks.discriminators(self.config.model))
    gradients, after, terms, _ = self.gradients(
      Part.discriminators, discriminators, lax.stop_gradient(state), shown
    )
    discriminators, opt_state = self.update(
      gradients, state.opt_state['discriminators'], discriminators
    )
    terms['discriminator_gradient_norm'] = _norm(gradients)
    # Of `after` no more than this: it has lost the generators' gradients.
    return dataclasses.replace(
      state,
      params={**state.params, **discriminators},
      batch_stats=after.batch_stats,
      opt_state={**state.opt_state, 'discriminators': opt_state},
    ), terms

  def shown(self, state: TrainState, fakes: Batch) -> tuple[Batch, TrainState]:
    """The discriminators' inputs made from fakes, some of them from the pools."""
    shown, pools = {}, {}
    for domain, fake in fakes.items():
      (source,) = {'rgb', 'ir'} - {domain}
      shown[domain] = self._part(self.batch).judged(domain, fake, source)
      if state.pools:
        key = rng.pool(self.config, domain, state.step)
        pools[domain], shown[domain] = image_pool.exchange_over_devices(
          state.pools[domain], shown[domain], key
        )
    return shown, dataclasses.replace(state, pools=pools)

  def fakes(self, state: TrainState) -> Batch:
    """All fakes, part by part, with nothing kept for gradients; no statistics move."""
    return _joined(
      lax.map(lambda given: self._part(*given).fakes(state)[0], self._split(self.batch))
    )

  def gradients(
    self, objective: Callable[..., Objective], params: Any, state: TrainState, *rows: Batch
  ) -> tuple[Any, TrainState, Terms, Batch]:
    """Gradients of an objective, means over the parts of this device's rows and over all devices.

    Args:
      objective: (part, params, state, *rows) -> what `Part.generators` returns. Of several parts
        each begins with the statistics that the last one left; nothing else of a state goes on.
      params: what is differentiated by.
      state: the state before.
      *rows: further arrays of this device's rows.

    Returns:
      The gradients, the state after, this device's terms, and images of all its rows.
    """

    def one(part, state, *rows):
      return jax.grad(lambda params: objective(part, params, state, *rows), has_aux=True)(params)

    if self.config.train.accumulate == 1:
      gradients, (state, terms, images) = one(self._part(self.batch), state, *rows)
      return _mean_over_devices(gradients), state, terms, images

    def add(carry, given):
      total, batch_stats = carry
      (batch, *rows), number = given
      gradients, (after, terms, images) = one(
        self._part(batch, number), dataclasses.replace(state, batch_stats=batch_stats), *rows
      )
      return (jax.tree.map(jnp.add, total, gradients), after.batch_stats), (terms, images)

    start = jax.tree.map(jnp.zeros_like, params), state.batch_stats
    (total, batch_stats), (terms, images) = lax.scan(add, start, self._split((self.batch, *rows)))
    gradients = jax.tree.map(lambda x: x / self.config.train.accumulate, total)
    return (
      _mean_over_devices(gradients),
      dataclasses.replace(state, batch_stats=batch_stats),
      jax.tree.map(lambda x: jnp.mean(x, axis=0), terms),
      _joined(images),
    )

  def update(self, gradients: Any, opt_state: Any, params: Any) -> tuple[Any, Any]:
    """One step of Adam: the new parameters and the new optimizer state."""
    updates, opt_state = self.optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state

  def _part(self, batch: Batch, number: jax.Array | int = 0) -> Part:
    return Part(self.nets, self.config, batch, number)

  def _split(self, tree: Any) -> tuple[Any, jax.Array]:
    """Arrays of this device's rows by parts, [parts, rows of one, ...], and the parts' numbers."""
    n = self.config.train.accumulate
    return jax.tree.map(lambda x: x.reshape(n, -1, *x.shape[1:]), tree), jnp.arange(n)


def _mean_over_devices(tree: Any) -> Any:
  # Of one device XLA would copy everything on a CPU.
  return tree if lax.axis_size(DEVICE_AXIS) == 1 else lax.pmean(tree, DEVICE_AXIS)


def _norm(gradients: Any) -> jax.Array:
  # Else XLA would write out the squares, to use them for Adam's second moments, too.
  return optax.tree.norm(lax.optimization_barrier(gradients))


def _joined(parts: Any) -> Any:
  """The inverse of `_Step._split`, without the numbers."""
  return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), parts)


def _moved_average(state: TrainState, generators: Any, decay: float) -> Any:
  """The moving averages a step on; short memory at first, so that initial weights fade soon."""
  decay = jnp.minimum(decay, (1 + state.step) / (10 + state.step))
  return jax.tree.map(
    lambda old, new: decay * old + (1 - decay) * new, state.ema, generators if state.ema else {}
  )
