"""One training step, both updates, as a pure function; parallel.py compiles it.

With update_order='discriminators_first' (udacity, pix2pix) the generators are judged by the
discriminators just updated, with 'generators_first' (cyclegan) the discriminators are shown fakes
from before the generators' update. In both orders the generators do not change between the fakes
that they are judged by and those that discriminators learn from, so each fake is computed once.
udacity computes them twice, which moves the running batch statistics twice; `_moved_again`
(redraw_fakes) does the same without a second pass.

Where a batch has masks, pixels without thermal data count in no term: distances leave them out,
and discriminators see them blank in real and generated images alike.
"""

import dataclasses
from typing import Any, Mapping

import jax
from jax import lax
import jax.numpy as jnp
import optax

from cyclegan_jax.data.masks import FILL
from cyclegan_jax.models import networks
from cyclegan_jax.models.layers import BATCH_NORM_MOMENTUM, DEVICE_AXIS
from cyclegan_jax.settings import Config
from cyclegan_jax.training import image_pool, losses, watch
from cyclegan_jax.training.state import optimizer, select, TrainState

Batch = Mapping[str, jax.Array]
Terms = dict[str, jax.Array]

# Random streams beside that of the initial weights.
_DROPOUT, _POOLS = 1, 2
# The passes of a generator in a step, which drop out different elements.
_FAKE, _CYCLE, _IDENTITY = 0, 1, 2


def train_step(state: TrainState, batch: Batch, *, nets: Mapping[str, networks.Network],
               config: Config, steps_per_epoch: int) -> tuple[TrainState, Terms]:
  """Updates all networks once, on one device of the pmap axis.

  Args:
    state: the state, equal on all devices.
    batch: this device's `rgb` and `ir`, float32 [rows, height, width, channels], and perhaps
      `rgb_mask` and `ir_mask`, see pipeline.examples.
    nets: from `networks.build`.
    config: the run.
    steps_per_epoch: for the learning rate.

  Returns:
    The new state and the loss terms: means over all devices' rows, unweighted but for
    `discriminator_rgb` and `discriminator_ir`, which like `generator`, the weighted sum, are what
    is minimised; two gradient norms; and the figures of `watch.observe`; all float32 scalars.
  """
  step = _Step(nets, config, batch, optimizer(config.train, steps_per_epoch))
  generators = select(state.params, networks.generators(config.model))
  (_, (after, terms, fakes)), gradients = jax.value_and_grad(
      step.generator_objective, has_aux=True)(generators, state)
  gradients = lax.pmean(gradients, DEVICE_AXIS)
  generators, opt_state = step.update(gradients, state.opt_state['generators'], generators)
  terms['generator_gradient_norm'] = optax.tree.norm(gradients)
  if config.train.update_order == 'generators_first':
    after, discriminator_terms = step.update_discriminators(after, fakes)
    terms |= discriminator_terms
  terms |= watch.observe(batch, fakes['ir'], config.data.paired)
  batch_stats = after.batch_stats
  if not config.model.sync_batch_norm:
    batch_stats = lax.pmean(batch_stats, DEVICE_AXIS)
  new_state = dataclasses.replace(
      after, step=state.step + 1, params={**after.params, **generators}, batch_stats=batch_stats,
      opt_state={**after.opt_state, 'generators': opt_state},
      average=_moved_average(state, generators, config.train.ema_decay))
  return new_state, lax.pmean(terms, DEVICE_AXIS)


def random_key(seed: int, stream: int, step: jax.Array) -> jax.Array:
  """The key of a stream of random numbers at a step, the same on all devices."""
  return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), stream), step)


def pool_key(config: Config, domain: str, step: jax.Array) -> jax.Array:
  """The key that draws what a discriminator's pool shows at a step."""
  key = random_key(config.train.seed, _POOLS, step)
  return jax.random.fold_in(key, networks.discriminators(config.model).index(domain))


def dropout_keys(config: Config, step: jax.Array, rows: jax.Array,
                 generator_pass: int = 0) -> jax.Array:
  """A key for each of these rows of the whole batch, int32 [rows], for a generator's dropout."""
  key = jax.random.fold_in(random_key(config.train.seed, _DROPOUT, step), generator_pass)
  return jax.vmap(lambda row: jax.random.fold_in(key, row))(rows)


@dataclasses.dataclass(frozen=True)
class _Step:
  """What stays fixed while one step is computed."""
  nets: Mapping[str, networks.Network]
  config: Config
  batch: Batch
  optimizer: optax.GradientTransformation

  def generator_objective(self, generators: Any, state: TrainState) -> tuple[jax.Array, Any]:
    """The weighted sum of all generator terms; on the way the discriminators may be updated."""
    train, loss = self.config.train, self.config.loss
    state = dataclasses.replace(state, params={**state.params, **generators})
    # udacity's order, which the running batch statistics show.
    directions = [(name, *name.split('_to_'))
                  for name in reversed(networks.generators(self.config.model))]
    before, fakes, terms = state.batch_stats, {}, {}
    for name, source, target in directions:
      fakes[target], state = self.run(name, self.batch[source], state, _FAKE)
    once = state.batch_stats
    if train.update_order == 'discriminators_first':
      state, terms = self.update_discriminators(state, lax.stop_gradient(fakes))
    for name, source, target in directions:
      if train.redraw_fakes:
        state = _moved_again(state, name, before, once)
      scores, state = self.run(target, self.judged(target, fakes[target], source), state)
      terms[f'adversarial_{target}'] = losses.adversarial(loss.adversarial_loss, scores)
      if loss.cycle_weight:
        cycled, state = self.run(f'{target}_to_{source}', fakes[target], state, _CYCLE)
        terms[f'cycle_{source}'] = self.distance(losses.l1, source, cycled)
    for name, source, target in directions:
      if loss.identity_weight:
        same, state = self.run(name, self.batch[target], state, _IDENTITY)
        terms[f'identity_{target}'] = self.distance(losses.l1, target, same)
      terms |= self.supervised(target, fakes[target])
    terms['generator'] = self.weighted(terms)
    return terms['generator'], lax.stop_gradient((state, terms, fakes))

  def supervised(self, domain: str, fake: jax.Array) -> Terms:
    """The terms between generated and true image whose weight is not 0."""
    loss = self.config.loss
    terms = {}
    if loss.supervised_weight:
      terms[f'supervised_{domain}'] = self.distance(losses.l1, domain, fake)
    if loss.ssim_weight:
      terms[f'ssim_{domain}'] = self.distance(losses.dissimilarity, domain, fake)
    if loss.gradient_weight:
      terms[f'gradient_{domain}'] = self.distance(losses.gradient_l1, domain, fake)
    return terms

  def update_discriminators(self, state: TrainState, fakes: Batch) -> tuple[TrainState, Terms]:
    """All discriminators judge real and fake images, in separate passes, and are updated."""
    shown, state = self.shown(state, fakes)
    loss = self.config.loss

    def objective(discriminators, state):
      state = dataclasses.replace(state, params={**state.params, **discriminators})
      terms = {}
      for domain in networks.discriminators(self.config.model):
        inputs = {True: self.judged(domain, self.batch[domain], domain), False: shown[domain]}
        total = 0.0
        # The sources' orders, which the running batch statistics show.
        for real in (False, True) if self.config.model.method == 'pix2pix' else (True, False):
          scores, state = self.run(domain, inputs[real], state)
          total += losses.judged(loss.adversarial_loss, scores, real)
        terms[f'discriminator_{domain}'] = loss.discriminator_weight * total
      return sum(terms.values()), (state.batch_stats, terms)

    discriminators = select(state.params, networks.discriminators(self.config.model))
    gradients, (batch_stats, terms) = jax.grad(objective, has_aux=True)(
        discriminators, lax.stop_gradient(state))
    gradients = lax.pmean(gradients, DEVICE_AXIS)
    discriminators, opt_state = self.update(
        gradients, state.opt_state['discriminators'], discriminators)
    terms['discriminator_gradient_norm'] = optax.tree.norm(gradients)
    return dataclasses.replace(
        state, params={**state.params, **discriminators}, batch_stats=batch_stats,
        opt_state={**state.opt_state, 'discriminators': opt_state}), terms

  def shown(self, state: TrainState, fakes: Batch) -> tuple[Batch, TrainState]:
    """The discriminators' inputs made from fakes, some of them from the pools."""
    shown, pools = {}, {}
    for domain, fake in fakes.items():
      (source,) = {'rgb', 'ir'} - {domain}
      shown[domain] = self.judged(domain, fake, source)
      if state.pools:
        pools[domain], shown[domain] = image_pool.exchange_over_devices(
            state.pools[domain], shown[domain], pool_key(self.config, domain, state.step))
    return shown, dataclasses.replace(state, pools=pools)

  def run(self, name: str, x: jax.Array, state: TrainState,
          generator_pass: int = 0) -> tuple[jax.Array, TrainState]:
    """Applies a network in training mode; the state comes back with its new statistics."""
    keys = None
    if self.config.model.dropout and name in networks.generators(self.config.model):
      rows = lax.axis_index(DEVICE_AXIS) * x.shape[0] + jnp.arange(x.shape[0])
      keys = dropout_keys(self.config, state.step, rows, generator_pass)
    y, stats = self.nets[name](state.params[name], state.batch_stats[name], x, training=True,
                               keys=keys)
    return y, dataclasses.replace(state, batch_stats={**state.batch_stats, name: stats})

  def judged(self, domain: str, image: jax.Array, source: str) -> jax.Array:
    """A discriminator's input: an image that is, or was made from, the batch's `source` image."""
    mask = self.batch.get(f'{source}_mask')
    image = image if mask is None else jnp.where(mask, image, FILL)
    if self.config.model.method == 'pix2pix':
      image = jnp.concatenate([self.batch['rgb'], image], axis=-1)
    return image

  def distance(self, measure: Any, domain: str, image: jax.Array) -> jax.Array:
    """A loss term between the batch's image of a domain and another one."""
    return measure(self.batch[domain], image, self.batch.get(f'{domain}_mask'))

  def weighted(self, terms: Terms) -> jax.Array:
    """The sum that the generators minimise."""
    loss = self.config.loss
    weights = {'adversarial': 1.0, 'cycle': loss.cycle_weight, 'identity': loss.identity_weight,
               'supervised': loss.supervised_weight, 'ssim': loss.ssim_weight,
               'gradient': loss.gradient_weight}
    return sum(weights[kind] * terms[f'{kind}_{domain}'] for kind in weights
               for domain in ('rgb', 'ir') if f'{kind}_{domain}' in terms)

  def update(self, gradients: Any, opt_state: Any, params: Any) -> tuple[Any, Any]:
    """One step of Adam: the new parameters and the new optimiser state."""
    updates, opt_state = self.optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def _moved_again(state: TrainState, name: str, before: Any, once: Any) -> TrainState:
  """Moves a network's running statistics by the same batch statistics a second time.

  Flax's update is new = m * old + (1 - m) * batch, so once - m * before is the batch's share.
  """
  again = jax.tree.map(
      lambda now, a, b: BATCH_NORM_MOMENTUM * now + (b - BATCH_NORM_MOMENTUM * a),
      state.batch_stats[name], before[name], once[name])
  return dataclasses.replace(state, batch_stats={**state.batch_stats, name: again})


def _moved_average(state: TrainState, generators: Any, decay: float) -> Any:
  """The moving averages a step on; short memory at first, so that initial weights fade soon."""
  decay = jnp.minimum(decay, (1 + state.step) / (10 + state.step))
  return jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, state.average,
                      generators if state.average else {})
