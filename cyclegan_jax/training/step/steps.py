"""One training step, read from top to bottom; parallel.py compiles it for all devices.

The generators pass over the batch once, under `jax.vjp`, and both updates use the fakes of that
pass: the generators' gradient is the derivative of their loss by their parameters plus its
derivative by the fakes, pulled back through the pass. The generators do not change in between, so
one pass serves both orders of updates. (udacity's code passes twice, which moves the running batch
statistics twice: `redraw_fakes` does so without a second pass.)

Where a batch has masks, pixels without thermal data count in no term: distances leave them out, and
discriminators see them black in real and generated images alike.

With --adversarial_weight=0 there are no discriminators, and their update falls away.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.models import networks
from cyclegan_jax.models.network import Network
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import (
  bases,
  class_balance,
  diagnostics,
  exchange,
  gradients,
  image_pool,
)
from cyclegan_jax.training.step.microbatch import Images, Microbatch, Terms, Tree
from cyclegan_jax.training.step.state import select, TrainState


def train_step(
  state: TrainState,
  batch: Images,
  *,
  nets: Mapping[str, Network],
  config: Config,
  optimizer: optax.GradientTransformation,
  class_weights: np.ndarray | None = None,
  inputs: Inputs | None = None,
) -> tuple[TrainState, Terms]:
  """Updates all networks once, on one device of the pmap axis.

  Args:
    state: The state, equal on all devices.
    batch: This device's `rgb` and `ir`, float32 [rows, height, width, channels] in [-1, 1], and
      perhaps `rgb_mask`, `ir_mask`, `labels` and `depth`, see `pipeline.batches`. The number of
      rows is a multiple of `accumulate`.
    nets: The networks, from `networks.build`.
    config: The run.
    optimizer: From `state.make_optimizer`.
    class_weights: From `class_balance.weights`; batches have labels only where there are some.
    inputs: What networks see beside or instead of RGB images; None for these alone.

  Returns:
    The new state and the loss terms, float32 scalars: means over all devices' rows, unweighted
    except `discriminator_rgb`, `discriminator_ir` and `generator`, which are minimized; the norm
    of each group's gradient; and the figures of `diagnostics.observe`.
  """
  n, given = config.train.accumulate, bases.added(batch, config)
  batch = given
  if inputs is not None:
    batch = {**batch, 'rgb': inputs.seen(batch['rgb'], batch, jnp)}
  if class_weights is not None:
    batch = class_balance.weigh(batch, class_weights)
  adversarial = bool(networks.discriminators(config.model))
  discriminators_first = config.train.update_order == 'discriminators_first'
  microbatch = functools.partial(exchange.kind(config), nets, config, state.step)
  generators, terms = select(state.params, networks.generator_group(config.model)), {}

  def forward(images: Images, index: Any, stats: Tree) -> Any:
    generate = microbatch(images, index).generate
    return jax.vjp(lambda params: generate(params, stats), generators, has_aux=True)

  # The generators' pass. Of several microbatches nothing is kept for the gradient below.
  if n == 1:
    kept = forward(batch, 0, state.batch_stats)
    fakes = kept[0]
  else:
    kept = None
    generate = lambda *part: microbatch(*part).generate(generators, state.batch_stats)[0]
    fakes = gradients.map_microbatches(generate, n, batch)

  if adversarial and discriminators_first:
    state, terms = _update_discriminators(state, microbatch(batch, None), fakes, optimizer)

  # The generators' gradient: directly by their parameters, and through the fakes.
  def gradient(images: Images, index: Any, stats: Tree) -> Any:
    fakes, pull_back, passed = kept or forward(images, index, stats)
    loss = jax.grad(microbatch(images, index).generator_loss, argnums=(0, 1), has_aux=True)
    (direct, by_fakes), (after, terms) = loss(generators, fakes, state.params, stats, passed)
    (through_fakes,) = pull_back(by_fakes)
    return jax.tree.map(jnp.add, direct, through_fakes), after, terms, fakes

  grads, stats, found, fakes = gradients.accumulate(gradient, n, batch, state.batch_stats)
  state = state.apply_gradients('generators', grads, optimizer, stats)
  state = state.move_ema(config.train.ema_decay)
  terms |= {**found, 'generator_gradient_norm': gradients.norm(grads)}

  if adversarial and not discriminators_first:
    state, found = _update_discriminators(state, microbatch(batch, None), fakes, optimizer)
    terms |= found

  direction = config.model.direction
  fake = fakes[config.model.target]
  terms |= diagnostics.observe(given, fake, direction, paired=config.data.paired)
  stats = state.batch_stats
  if not config.model.sync_batch_norm:
    stats = gradients.mean_over_devices(stats)
  state = dataclasses.replace(state, step=state.step + 1, batch_stats=stats)
  return state, gradients.mean_over_devices(terms)


def _update_discriminators(
  state: TrainState, batch: Microbatch, fakes: Images, optimizer: optax.GradientTransformation
) -> tuple[TrainState, Terms]:
  """Updates them by all real images, and all fakes or earlier ones from the pools."""
  config = batch.config
  inputs = {
    made: batch.discriminator_input(made, fakes[made], source)
    for _, source, target in batch.directions()
    for made in batch.made(target)
  }
  inputs, pools = image_pool.exchange_all(state.pools, inputs, config, state.step)
  discriminators = select(state.params, networks.discriminators(config.model))

  def gradient(part: tuple[Images, Images], index: Any, stats: Tree) -> Any:
    images, inputs = part
    microbatch = dataclasses.replace(batch, images=images, index=index)
    loss = jax.grad(microbatch.discriminator_loss, has_aux=True)
    grads, (stats, terms) = loss(discriminators, inputs, stats)
    return grads, stats, terms, {}

  n, stats = config.train.accumulate, state.batch_stats
  grads, stats, terms, _ = gradients.accumulate(gradient, n, (batch.images, inputs), stats)
  state = dataclasses.replace(state, pools=pools)
  rate = config.train.discriminator_rate
  state = state.apply_gradients('discriminators', grads, optimizer, stats, rate)
  return state, {**terms, 'discriminator_gradient_norm': gradients.norm(grads)}
