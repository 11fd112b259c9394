"""One training step, read from top to bottom; parallel.py compiles it for all devices.

The generators pass over the batch once, under `jax.vjp`, and both updates use the fakes of that
pass: the generators' gradient is the derivative of their loss by their parameters plus its
derivative by the fakes, pulled back through the pass. The generators do not change in between, so
one pass serves both orders of updates. (udacity's code passes twice, which moves the running batch
statistics twice: `redraw_fakes` does so without a second pass.)

Where a batch has masks, pixels without thermal data count in no term: distances leave them out, and
discriminators see them black in real and generated images alike.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import optax

from cyclegan_jax.models import layers, networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training import diagnostics, gradients, image_pool, losses, rng
from cyclegan_jax.training.state import select, TrainState

# Arrays by name: a batch's images and masks, or images by domain.
Images = Mapping[str, jax.Array]
# Parameters or batch statistics by network, nested dicts.
Tree = Any
Terms = dict[str, jax.Array]

_BLACK = -1.0


def train_step(
  state: TrainState,
  batch: Images,
  *,
  nets: Mapping[str, networks.Network],
  config: Config,
  optimizer: optax.GradientTransformation,
) -> tuple[TrainState, Terms]:
  """Updates all networks once, on one device of the pmap axis.

  Args:
    state: The state, equal on all devices.
    batch: This device's `rgb` and `ir`, float32 [rows, height, width, channels] in [-1, 1], and
      perhaps `rgb_mask` and `ir_mask`, see `pipeline.batches`. The number of rows is a multiple of
      `accumulate`.
    nets: The networks, from `networks.build`.
    config: The run.
    optimizer: From `state.make_optimizer`.

  Returns:
    The new state and the loss terms, float32 scalars: means over all devices' rows, unweighted
    except `discriminator_rgb`, `discriminator_ir` and `generator`, which are minimized; two
    gradient norms; and the figures of `diagnostics.observe`.
  """
  n = config.train.accumulate
  discriminators_first = config.train.update_order == 'discriminators_first'
  microbatch = functools.partial(Microbatch, nets, config, state.step)
  generators, terms = select(state.params, networks.generators(config.model)), {}

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

  if discriminators_first:
    state, terms = _update_discriminators(state, microbatch(batch, 0), fakes, optimizer)

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

  if not discriminators_first:
    state, found = _update_discriminators(state, microbatch(batch, 0), fakes, optimizer)
    terms |= found

  terms |= diagnostics.observe(batch, fakes['ir'], paired=config.data.paired)
  stats = state.batch_stats
  if not config.model.sync_batch_norm:
    stats = gradients.mean_over_devices(stats)
  state = dataclasses.replace(state, step=state.step + 1, batch_stats=stats)
  return state, gradients.mean_over_devices(terms)


def _update_discriminators(
  state: TrainState, batch: 'Microbatch', fakes: Images, optimizer: optax.GradientTransformation
) -> tuple[TrainState, Terms]:
  """Updates them by all real images, and all fakes or earlier ones from the pools."""
  config = batch.config
  inputs = {
    target: batch.discriminator_input(target, fakes[target], source)
    for _, source, target in batch.directions()
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
  state = state.apply_gradients('discriminators', grads, optimizer, stats)
  return state, {**terms, 'discriminator_gradient_norm': gradients.norm(grads)}


@dataclasses.dataclass(frozen=True)
class Microbatch:
  """Rows that pass the networks together, number `index` of the device, `step` steps done."""

  nets: Mapping[str, networks.Network]
  config: Config
  step: jax.Array
  images: Images
  index: jax.Array | int

  def directions(self) -> list[tuple[str, str, str]]:
    """Generator, source and target, in udacity's order, which the running statistics show."""
    ways = [('ir_to_rgb', 'ir', 'rgb'), ('rgb_to_ir', 'rgb', 'ir')]
    return [way for way in ways if way[0] in networks.generators(self.config.model)]

  def generate(self, params: Tree, stats: Tree) -> tuple[Images, Tree]:
    """The fakes by domain, and the statistics that the pass moves."""
    fakes = {}
    for name, source, target in self.directions():
      fakes[target], stats = self._apply(name, params, stats, self.images[source])
    return fakes, stats

  def generator_loss(
    self, params: Tree, fakes: Images, others: Tree, before: Tree, passed: Tree
  ) -> tuple[jax.Array, tuple[Tree, Terms]]:
    """The weighted sum of all generator terms; the statistics after it, and the terms.

    Args:
      params: Of the generators.
      fakes: From `generate`.
      others: Parameters that hold those of the discriminators.
      before: Statistics before `generate`, current for the discriminators.
      passed: Statistics after it, current for the generators.
    """
    loss, params = self.config.loss, {**others, **params}
    stats, weighted = {**before, **{name: passed[name] for name, *_ in self.directions()}}, {}
    for name, source, target in self.directions():
      if self.config.train.redraw_fakes:
        again = layers.move_statistics_again(stats[name], before[name], passed[name])
        stats = {**stats, name: again}
      scores = self.discriminator_input(target, fakes[target], source)
      scores, stats = self._apply(target, params, stats, scores)
      weighted[f'adversarial_{target}'] = 1.0, losses.generator(loss.adversarial_loss, scores)
      if loss.cycle_weight:
        back = f'{target}_to_{source}'
        cycled, stats = self._apply(back, params, stats, fakes[target], rng.CYCLE)
        weighted[f'cycle_{source}'] = loss.cycle_weight, self._compare(losses.l1, source, cycled)
    for name, _, target in self.directions():
      if loss.identity_weight:
        same, stats = self._apply(name, params, stats, self.images[target], rng.IDENTITY)
        same = self._compare(losses.l1, target, same)
        weighted[f'identity_{target}'] = loss.identity_weight, same
      for kind, (weight, distance) in losses.supervised(loss).items():
        weighted[f'{kind}_{target}'] = weight, self._compare(distance, target, fakes[target])
    total = jnp.asarray(sum(weight * value for weight, value in weighted.values()))
    terms = {name: value for name, (_, value) in weighted.items()}
    return total, (stats, {**terms, 'generator': total})

  def discriminator_loss(
    self, params: Tree, inputs: Images, stats: Tree
  ) -> tuple[jax.Array, tuple[Tree, Terms]]:
    """The sum of all discriminator terms, the statistics after it, and the terms.

    `inputs` is what the discriminators see of fakes; real images have a pass of their own.
    """
    loss, terms = self.config.loss, {}
    # The sources' orders, which the running statistics show.
    order = (False, True) if self.config.model.method == 'pix2pix' else (True, False)
    for domain in networks.discriminators(self.config.model):
      real = self.discriminator_input(domain, self.images[domain], domain)
      seen, total = {True: real, False: inputs[domain]}, 0.0
      for is_real in order:
        scores, stats = self._apply(domain, params, stats, seen[is_real])
        total += losses.discriminator(loss.adversarial_loss, scores, is_real)
      terms[f'discriminator_{domain}'] = loss.discriminator_weight * total
    return jnp.asarray(sum(terms.values())), (stats, terms)

  def discriminator_input(self, domain: str, image: jax.Array, source: str) -> jax.Array:
    """The input for an image that is, or was made from, this batch's `source` image."""
    mask = self.images.get(f'{source}_mask')
    image = image if mask is None else jnp.where(mask, image, _BLACK)
    if self.config.model.method == 'pix2pix':
      image = jnp.concatenate([self.images['rgb'], image], axis=-1)
    return image

  def _apply(
    self, name: str, params: Tree, stats: Tree, x: jax.Array, generator_pass: int = rng.FAKE
  ) -> tuple[jax.Array, Tree]:
    """Applies a network in training mode; returns its output and all statistics after it."""
    net, keys = self.nets[name], None
    if generator_pass == rng.IDENTITY:
      # It sees an image of its target, which the generator of the other direction always does.
      source, target = name.split('_to_')
      net = dataclasses.replace(net, constants=self.nets[f'{target}_to_{source}'].constants)
    if self.config.model.dropout and name in networks.generators(self.config.model):
      rows = rng.places(self.config, x.shape[0], self.index)
      keys = rng.dropout(self.config, self.step, rows, generator_pass)
    apply = lambda params, stats, x: net(params, stats, x, training=True, keys=keys)
    if self.config.train.remat:
      apply = jax.checkpoint(apply)
    y, moved = apply(params[name], stats[name], x)
    return y, {**stats, name: lax.stop_gradient(moved)}

  def _compare(self, distance: losses.Distance, domain: str, image: jax.Array) -> jax.Array:
    """A distance between this batch's image of a domain and another one."""
    return distance(self.images[domain], image, self.images.get(f'{domain}_mask'))
