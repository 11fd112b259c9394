"""What a training step minimizes: the passes of the networks over examples, and their loss terms.

Where a batch has masks, pixels without thermal data count in no term: distances leave them out,
and discriminators see them black in real and generated images alike.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.models import networks
from cyclegan_jax.models.layers import BATCH_NORM_MOMENTUM, DEVICE_AXIS
from cyclegan_jax.settings import Config
from cyclegan_jax.training import losses, rng
from cyclegan_jax.training.rng import CYCLE, FAKE, IDENTITY
from cyclegan_jax.training.state import TrainState

Batch = Mapping[str, jax.Array]
Terms = dict[str, jax.Array]
# What is minimized; and the state with its new statistics, the terms, and images by domain.
Objective = tuple[jax.Array, tuple[TrainState, Terms, Batch]]


@dataclasses.dataclass(frozen=True)
class Part:
  """Some of a device's rows of the batch, on one device of the pmap axis.

  Attributes:
    nets: from `networks.build`.
    config: the run.
    batch: these rows, see `steps.train_step`.
    number: int32 scalar, which of the device's `accumulate` parts they are.
  """

  nets: Mapping[str, networks.Network]
  config: Config
  batch: Batch
  number: jax.Array | int = 0

  def generators(
    self,
    params: Any,
    state: TrainState,
    between: Callable[..., tuple[TrainState, Terms]] | None = None,
  ) -> Objective:
    """The weighted sum of all generator terms; the images are the fakes.

    Args:
      params: the generators'.
      state: all else.
      between: (state, fakes) -> (state, terms): what happens before the fakes are judged.
    """
    train, loss = self.config.train, self.config.loss
    state = dataclasses.replace(state, params={**state.params, **params})
    before, terms = state.batch_stats, {}
    fakes, state = self.fakes(state)
    once = state.batch_stats
    if between:
      state, terms = between(state, lax.stop_gradient(fakes))
    for name, source, target in self._directions():
      if train.redraw_fakes:
        state = _moved_again(state, name, before, once)
      scores, state = self._run(target, self.judged(target, fakes[target], source), state)
      terms[f'adversarial_{target}'] = losses.adversarial(loss.adversarial_loss, scores)
      if loss.cycle_weight:
        cycled, state = self._run(f'{target}_to_{source}', fakes[target], state, CYCLE)
        terms[f'cycle_{source}'] = self._distance(losses.l1, source, cycled)
    for name, source, target in self._directions():
      if loss.identity_weight:
        same, state = self._run(name, self.batch[target], state, IDENTITY)
        terms[f'identity_{target}'] = self._distance(losses.l1, target, same)
      terms |= self._supervised(target, fakes[target])
    terms['generator'] = self._weighted(terms)
    return terms['generator'], lax.stop_gradient((state, terms, fakes))

  def discriminators(self, params: Any, state: TrainState, shown: Batch) -> Objective:
    """The sum of all discriminator terms: they judge real and fake images, in separate passes.

    Args:
      params: the discriminators'.
      state: all else.
      shown: their inputs made from fakes, by domain.
    """
    config = self.config
    state = dataclasses.replace(state, params={**state.params, **params})
    terms = {}
    for domain in networks.discriminators(config.model):
      inputs = {True: self.judged(domain, self.batch[domain], domain), False: shown[domain]}
      total = 0.0
      # The sources' orders, which the running batch statistics show.
      for real in (False, True) if config.model.method == 'pix2pix' else (True, False):
        scores, state = self._run(domain, inputs[real], state)
        total += losses.judged(config.loss.adversarial_loss, scores, real)
      terms[f'discriminator_{domain}'] = config.loss.discriminator_weight * total
    return sum(terms.values()), (state, terms, {})

  def fakes(self, state: TrainState) -> tuple[Batch, TrainState]:
    """The generated images by domain."""
    fakes = {}
    for name, source, target in self._directions():
      fakes[target], state = self._run(name, self.batch[source], state, FAKE)
    return fakes, state

  def judged(self, domain: str, image: jax.Array, source: str) -> jax.Array:
    """A discriminator's input: an image that is, or was made from, the batch's `source` image."""
    mask = self.batch.get(f'{source}_mask')
    image = image if mask is None else jnp.where(mask, image, -1.0)
    if self.config.model.method == 'pix2pix':
      image = jnp.concatenate([self.batch['rgb'], image], axis=-1)
    return image

  def _directions(self) -> list[tuple[str, str, str]]:
    """Generator, source and target; in udacity's order, which the running statistics show."""
    return [
      (name, *name.split('_to_')) for name in reversed(networks.generators(self.config.model))
    ]

  def _run(
    self, name: str, x: jax.Array, state: TrainState, generator_pass: int = FAKE
  ) -> tuple[jax.Array, TrainState]:
    """Applies a network in training mode; the state comes back with its new statistics."""
    net, keys = self.nets[name], None
    if generator_pass == IDENTITY:
      # It sees an image of its target, which the generator of the other direction always does.
      source, target = name.split('_to_')
      net = dataclasses.replace(net, constants=self.nets[f'{target}_to_{source}'].constants)
    if self.config.model.dropout and name in networks.generators(self.config.model):
      # Of the whole batch, so that neither devices nor parts change what is drawn.
      before = lax.axis_index(DEVICE_AXIS) * self.config.train.accumulate + self.number
      rows = before * x.shape[0] + jnp.arange(x.shape[0])
      keys = rng.dropout(self.config, state.step, rows, generator_pass)

    def apply(params, stats, x, keys):
      return net(params, stats, x, training=True, keys=keys)

    if self.config.train.remat:
      apply = jax.checkpoint(apply)
    y, stats = apply(state.params[name], state.batch_stats[name], x, keys)
    return y, dataclasses.replace(state, batch_stats={**state.batch_stats, name: stats})

  def _supervised(self, domain: str, fake: jax.Array) -> Terms:
    """The terms between generated and true image whose weight is not 0."""
    loss = self.config.loss
    terms = {}
    if loss.supervised_weight:
      terms[f'supervised_{domain}'] = self._distance(losses.l1, domain, fake)
    if loss.ssim_weight:
      terms[f'ssim_{domain}'] = self._distance(losses.dissimilarity, domain, fake)
    if loss.gradient_weight:
      terms[f'gradient_{domain}'] = self._distance(losses.gradient_l1, domain, fake)
    return terms

  def _distance(self, measure: Any, domain: str, image: jax.Array) -> jax.Array:
    """A loss term between the batch's image of a domain and another one."""
    return measure(self.batch[domain], image, self.batch.get(f'{domain}_mask'))

  def _weighted(self, terms: Terms) -> jax.Array:
    """The sum that the generators minimize."""
    loss = self.config.loss
    weights = {
      'adversarial': 1.0,
      'cycle': loss.cycle_weight,
      'identity': loss.identity_weight,
      'supervised': loss.supervised_weight,
      'ssim': loss.ssim_weight,
      'gradient': loss.gradient_weight,
    }
    return sum(
      weights[kind] * terms[f'{kind}_{domain}']
      for kind in weights
      for domain in ('rgb', 'ir')
      if f'{kind}_{domain}' in terms
    )


def _moved_again(state: TrainState, name: str, before: Any, once: Any) -> TrainState:
  """Moves a network's running statistics by the same batch statistics a second time.

  Flax's update is new = m * old + (1 - m) * batch, so once - m * before is the batch's share.
  """
  again = jax.tree.map(
    lambda now, a, b: BATCH_NORM_MOMENTUM * now + (b - BATCH_NORM_MOMENTUM * a),
    state.batch_stats[name],
    before[name],
    once[name],
  )
  return dataclasses.replace(state, batch_stats={**state.batch_stats, name: again})
