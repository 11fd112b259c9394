"""One training step, both updates, as a pure function; parallel.py compiles it.

The order is that of the paper's reference [1]: first the discriminators, then the generators,
whose fakes are judged by the discriminators just updated. The fakes are computed once: the
generators do not change in between, so both updates see the same images. The reference runs
those forward passes twice, which moves the running batch statistics twice; `_moved_again`
does the same without a second pass.

Where a batch has masks, pixels without thermal data count in no term: distances leave them out,
and discriminators see them blank in real and generated images alike.
"""

import dataclasses
from typing import Any, Mapping

import jax
from jax import lax
import jax.numpy as jnp
import optax

from cyclegan_jax.config import Config
from cyclegan_jax.data.masks import FILL
from cyclegan_jax.models import networks
from cyclegan_jax.models.layers import BATCH_NORM_MOMENTUM, DEVICE_AXIS
from cyclegan_jax.training import losses
from cyclegan_jax.training.state import TrainState, optimizer, select

Batch = Mapping[str, jax.Array]
Terms = dict[str, jax.Array]


def train_step(state: TrainState, batch: Batch, *, nets: Mapping[str, networks.Network],
               config: Config) -> tuple[TrainState, Terms]:
  """Updates all four networks once, on one device of the pmap axis.

  Args:
    state: the state, equal on all devices.
    batch: this device's `rgb` and `ir`, float32 [rows, height, width, channels], and perhaps
      `rgb_mask` and `ir_mask`, see pipeline.examples.
    nets: from `networks.build`.
    config: the run.

  Returns:
    The new state and the loss terms (unweighted means over all devices' rows), `generator` (the
    weighted sum that the generators minimise) and two gradient norms, all float32 scalars.
  """
  step = _Step(nets, config, batch)
  generators = select(state.params, networks.GENERATORS)
  (_, (after_discriminators, terms)), gradients = jax.value_and_grad(
      step.generator_objective, has_aux=True)(generators, state)
  gradients = lax.pmean(gradients, DEVICE_AXIS)
  generators, opt_state = step.update(gradients, state.opt_state['generators'], generators)
  terms['generator_gradient_norm'] = optax.tree.norm(gradients)
  batch_stats = after_discriminators.batch_stats
  if not config.model.sync_batch_norm:
    batch_stats = lax.pmean(batch_stats, DEVICE_AXIS)
  new_state = dataclasses.replace(
      after_discriminators, step=state.step + 1,
      params={**after_discriminators.params, **generators}, batch_stats=batch_stats,
      opt_state={**after_discriminators.opt_state, 'generators': opt_state})
  return new_state, lax.pmean(terms, DEVICE_AXIS)


@dataclasses.dataclass(frozen=True)
class _Step:
  """What stays fixed while one step is computed."""
  nets: Mapping[str, networks.Network]
  config: Config
  batch: Batch

  def generator_objective(self, generators: Any, state: TrainState) -> tuple[jax.Array, Any]:
    """The weighted sum of all generator terms; on the way the discriminators are updated."""
    state = dataclasses.replace(state, params={**state.params, **generators})
    before = state.batch_stats
    fake_rgb, state = self.run('ir_to_rgb', self.batch['ir'], state)
    fake_ir, state = self.run('rgb_to_ir', self.batch['rgb'], state)
    once = state.batch_stats
    state, terms = self.update_discriminators(
        state, lax.stop_gradient({'rgb': self.blanked(fake_rgb, 'ir'),
                                  'ir': self.blanked(fake_ir, 'rgb')}))

    state = _moved_again(state, 'ir_to_rgb', before, once)
    scores_rgb, state = self.run('rgb', self.blanked(fake_rgb, 'ir'), state)
    cycled_ir, state = self.run('rgb_to_ir', fake_rgb, state)
    state = _moved_again(state, 'rgb_to_ir', before, once)
    scores_ir, state = self.run('ir', self.blanked(fake_ir, 'rgb'), state)
    cycled_rgb, state = self.run('ir_to_rgb', fake_ir, state)

    terms |= {
        'adversarial_rgb': losses.adversarial(scores_rgb, real=True),
        'adversarial_ir': losses.adversarial(scores_ir, real=True),
        'cycle_rgb': self.distance('rgb', cycled_rgb),
        'cycle_ir': self.distance('ir', cycled_ir),
    }
    if self.config.loss.supervised_weight:
      terms |= {'supervised_rgb': self.distance('rgb', fake_rgb),
                'supervised_ir': self.distance('ir', fake_ir)}
    if self.config.loss.identity_weight:
      same_rgb, state = self.run('ir_to_rgb', self.batch['rgb'], state)
      same_ir, state = self.run('rgb_to_ir', self.batch['ir'], state)
      terms |= {'identity_rgb': self.distance('rgb', same_rgb),
                'identity_ir': self.distance('ir', same_ir)}
    terms['generator'] = self.weighted(terms)
    return terms['generator'], (lax.stop_gradient(state), terms)

  def update_discriminators(self, state: TrainState, fakes: Batch) -> tuple[TrainState, Terms]:
    """Both discriminators judge real and fake images, in separate passes, and are updated."""
    def objective(discriminators, state):
      state = dataclasses.replace(state, params={**state.params, **discriminators})
      terms = {}
      for domain in networks.DISCRIMINATORS:
        real, state = self.run(domain, self.blanked(self.batch[domain], domain), state)
        fake, state = self.run(domain, fakes[domain], state)
        terms[f'discriminator_{domain}'] = (
            losses.adversarial(real, real=True) + losses.adversarial(fake, real=False))
      return sum(terms.values()), (state.batch_stats, terms)

    discriminators = select(state.params, networks.DISCRIMINATORS)
    gradients, (batch_stats, terms) = jax.grad(objective, has_aux=True)(
        discriminators, lax.stop_gradient(state))
    gradients = lax.pmean(gradients, DEVICE_AXIS)
    discriminators, opt_state = self.update(
        gradients, state.opt_state['discriminators'], discriminators)
    terms['discriminator_gradient_norm'] = optax.tree.norm(gradients)
    return dataclasses.replace(
        state, params={**state.params, **discriminators}, batch_stats=batch_stats,
        opt_state={**state.opt_state, 'discriminators': opt_state}), terms

  def run(self, name: str, x: jax.Array, state: TrainState) -> tuple[jax.Array, TrainState]:
    """Applies a network in training mode; the state comes back with its new statistics."""
    y, stats = self.nets[name](state.params[name], state.batch_stats[name], x, training=True)
    return y, dataclasses.replace(state, batch_stats={**state.batch_stats, name: stats})

  def blanked(self, image: jax.Array, source: str) -> jax.Array:
    """An image made from, or being, the batch's image of a domain, without invalid pixels."""
    mask = self.batch.get(f'{source}_mask')
    return image if mask is None else jnp.where(mask, image, FILL)

  def distance(self, domain: str, image: jax.Array) -> jax.Array:
    """L1 between the batch's image of a domain and another one."""
    return losses.l1(self.batch[domain], image, self.batch.get(f'{domain}_mask'))

  def weighted(self, terms: Terms) -> jax.Array:
    """The sum that the generators minimise."""
    loss = self.config.loss
    weights = {'adversarial': 1.0, 'cycle': loss.cycle_weight,
               'identity': loss.identity_weight, 'supervised': loss.supervised_weight}
    return sum(weights[kind] * terms[f'{kind}_{domain}'] for kind in weights
               for domain in networks.DISCRIMINATORS if f'{kind}_{domain}' in terms)

  def update(self, gradients: Any, opt_state: Any, params: Any) -> tuple[Any, Any]:
    """One step of Adam: the new parameters and the new optimiser state."""
    updates, opt_state = optimizer(self.config.train).update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def _moved_again(state: TrainState, name: str, before: Any, once: Any) -> TrainState:
  """Moves a network's running statistics by the same batch statistics a second time.

  Flax's update is new = m * old + (1 - m) * batch, so once - m * before is the batch's share.
  """
  again = jax.tree.map(
      lambda now, a, b: BATCH_NORM_MOMENTUM * now + (b - BATCH_NORM_MOMENTUM * a),
      state.batch_stats[name], before[name], once[name])
  return dataclasses.replace(state, batch_stats={**state.batch_stats, name: again})
