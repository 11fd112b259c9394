"""The training step against a plain transcription of the reference, and over devices."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.models.discriminators import Verdict
from cyclegan_jax.training.step import parallel, state as state_lib, steps
from tests.training import fresh
from tests.training.step.stepping import assert_close, assert_same_on_devices, run

SIZE = 16


TINY = dict(
  dataset='x',
  paired=True,
  image_size=(SIZE, SIZE),
  base_width=4,
  n_residual_blocks=1,
  n_downsampling=2,
  discriminator_width=4,
  discriminator_layers=2,
  batch_size=8,
  learning_rate=1e-3,
)


def tiny(**overrides):
  return config_lib.make(**{**TINY, **overrides})


def batches(n, rows=8, ir_channels=1):
  rng = np.random.default_rng(0)
  return [
    {
      'rgb': rng.uniform(-1, 1, (rows, SIZE, SIZE, 3)).astype(np.float32),
      'ir': rng.uniform(-1, 1, (rows, SIZE, SIZE, ir_channels)).astype(np.float32),
    }
    for _ in range(n)
  ]


def reference(config, data):
  """udacity's order written out: every forward pass done as often as there, three optimizers."""
  nets = networks.build(
    dataclasses.replace(config.model, sync_batch_norm=False), make_domains(config.data)
  )
  state = fresh.state(config)
  params, stats = dict(state.params), dict(state.batch_stats)
  adam = optax.adam(config.train.learning_rate, b1=0.5, b2=0.999)
  groups = {'rgb': ('rgb',), 'ir': ('ir',), 'generators': ('rgb_to_ir', 'ir_to_rgb')}
  opt = {g: adam.init({n: params[n] for n in names}) for g, names in groups.items()}

  def run_net(name, p, s, x):
    y, s[name] = nets[name](p[name], s[name], x, training=True)
    return y if '_to_' in name else y.scores[0]

  def update(group, loss):
    names = groups[group]

    def objective(part, s):
      s = dict(s)
      value = loss({**params, **part}, s)
      return value, s

    (value, new_stats), gradients = jax.jit(jax.value_and_grad(objective, has_aux=True))(
      {n: params[n] for n in names}, stats
    )
    stats.update(new_stats)
    updates, opt[group] = adam.update(gradients, opt[group])
    params.update(optax.apply_updates({n: params[n] for n in names}, updates))
    return value

  losses = {}
  for batch in data:
    for real, source, generator in (('rgb', 'ir', 'ir_to_rgb'), ('ir', 'rgb', 'rgb_to_ir')):

      def discriminator_loss(p, s):
        on_real = run_net(real, p, s, batch[real])
        fake = run_net(generator, p, s, batch[source])
        return jnp.mean((on_real - 1) ** 2) + jnp.mean(run_net(real, p, s, fake) ** 2)

      losses[f'discriminator_{real}'] = update(real, discriminator_loss)

    def generator_loss(p, s):
      fake_rgb = run_net('ir_to_rgb', p, s, batch['ir'])
      loss = jnp.mean((run_net('rgb', p, s, fake_rgb) - 1) ** 2)
      loss += 10 * jnp.mean(jnp.abs(batch['ir'] - run_net('rgb_to_ir', p, s, fake_rgb)))
      fake_ir = run_net('rgb_to_ir', p, s, batch['rgb'])
      loss += jnp.mean((run_net('ir', p, s, fake_ir) - 1) ** 2)
      loss += 10 * jnp.mean(jnp.abs(batch['rgb'] - run_net('ir_to_rgb', p, s, fake_ir)))
      weight = config.loss.supervised_weight
      loss += weight * jnp.mean(jnp.abs(batch['rgb'] - fake_rgb))
      return loss + weight * jnp.mean(jnp.abs(batch['ir'] - fake_ir))

    losses['generator'] = update('generators', generator_loss)
  return params, stats, losses


@pytest.mark.slow
@pytest.mark.parametrize('supervised_weight', [0.0, 10.0])
def test_step_equals_the_reference_order(supervised_weight):
  config, data = tiny(supervised_weight=supervised_weight), batches(3)
  state, terms, _ = run(config, 1, data)
  params, stats, losses = reference(config, data)
  # Adam divides by the gradient's size: where that is near zero, rounding moves a weight by up
  # to the learning rate; three steps at 1e-3.
  assert_close(state.params, params, atol=2e-4)
  assert_close(state.batch_stats, stats, atol=2e-4)
  for name, value in losses.items():
    np.testing.assert_allclose(terms[name], value, rtol=1e-4, err_msg=name)
  assert state.step == 3


@pytest.mark.slow
def test_four_devices_equal_one():
  config, data = tiny(), batches(1)
  one, terms_one, _ = run(config, 1, data)
  four, terms_four, replicas = run(config, 4, data)
  assert_close(terms_four, terms_one, atol=1e-3)
  assert_close(four.batch_stats, one.batch_stats, atol=1e-5)
  # Adam's first moments are (1 - 0.5) times the gradients: compared there, before the division.
  for group in ('generators', 'discriminators'):
    assert_close(four.opt_state[group][0].mu, one.opt_state[group][0].mu, atol=1e-4)
  assert_same_on_devices(replicas)


@pytest.mark.slow
def test_without_synchronization_devices_have_their_own_statistics():
  config, data = tiny(sync_batch_norm=False), batches(1)
  one, _, _ = run(config, 1, data)
  four, _, replicas = run(config, 4, data)
  with pytest.raises(AssertionError):
    assert_close(four.opt_state['generators'][0].mu, one.opt_state['generators'][0].mu, atol=1e-4)
  assert_same_on_devices(replicas)


@pytest.mark.slow
def test_identity_terms():
  config = tiny(ir_channels=3, identity_weight=5.0)
  state, terms, _ = run(config, 1, batches(1, ir_channels=3))
  parts = sum(
    weight * (terms[f'{kind}_rgb'] + terms[f'{kind}_ir'])
    for kind, weight in dict(adversarial=1, cycle=10, identity=5, supervised=10).items()
  )
  np.testing.assert_allclose(terms['generator'], parts, rtol=1e-5)
  assert terms['identity_rgb'] > 0 and state.step == 1


class _Pointwise:
  """A network whose output at a pixel depends on that pixel alone."""

  def __init__(self, channels):
    self.channels = channels

  def __call__(self, params, stats, x, training, keys, condition, true_base):
    assert condition is None and true_base is None
    y = jnp.tanh(params['a'] * x.mean(-1, keepdims=True) + params['b'])
    return jnp.repeat(y, self.channels, -1), stats


class _PointwiseJudge(_Pointwise):
  def __call__(self, *args, **options):
    scores, stats = super().__call__(*args, **options)
    return Verdict((scores,), ()), stats


@pytest.mark.parametrize('paired', [True, pytest.param(False, marks=pytest.mark.slow)])
def test_pixels_without_thermal_data_count_in_no_term(paired):
  config = tiny(norm='none', paired=paired)
  nets = {
    'rgb_to_ir': _Pointwise(1),
    'ir_to_rgb': _Pointwise(3),
    'rgb': _PointwiseJudge(1),
    'ir': _PointwiseJudge(1),
  }
  params = {
    name: {'a': jnp.float32(0.7 + i / 10), 'b': jnp.float32(0.1)} for i, name in enumerate(nets)
  }
  adam = fresh.optimizer(config)
  state = state_lib.TrainState(
    jnp.int32(0),
    params,
    {name: {} for name in nets},
    {
      group: adam.init(state_lib.select(params, names))
      for group, names in (
        ('generators', ('rgb_to_ir', 'ir_to_rgb')),
        ('discriminators', ('rgb', 'ir')),
      )
    },
    {},
    {},
  )
  rng = np.random.default_rng(3)
  (batch,) = batches(1, rows=4)
  for name in ('rgb_mask', 'ir_mask'):
    batch[name] = rng.random((4, SIZE, SIZE, 1)) < 0.7
  if paired:
    batch['rgb_mask'] = batch['ir_mask']
  changed = {
    **batch,
    **{name: np.where(batch[f'{name}_mask'], batch[name], 0.9) for name in ('rgb', 'ir')},
  }
  step = jax.pmap(
    functools.partial(
      steps.train_step, nets=nets, config=config, optimizer=fresh.optimizer(config)
    ),
    axis_name='devices',
    devices=jax.devices()[:2],
  )
  results = []
  for data in (batch, changed, {k: batch[k] for k in ('rgb', 'ir')}):
    copies = jax.tree.map(lambda x: np.broadcast_to(x, (2, *np.shape(x))), state)
    results.append(
      jax.tree.map(
        np.asarray, step(copies, {k: v.reshape(2, 2, *v.shape[1:]) for k, v in data.items()})
      )
    )
  assert_close(results[1], results[0], atol=1e-6)
  terms, unmasked = results[0][1], results[2][1]
  assert all(
    abs(terms[name] - unmasked[name]).max() > 1e-3
    for name in terms
    if name.startswith(('cycle', 'supervised', 'discriminator'))
  )


def test_replicate_and_unreplicate():
  tree = {'a': np.arange(6.0).reshape(2, 3)}
  copies = parallel.replicate(tree)
  assert copies['a'].shape == (4, 2, 3) and len(copies['a'].addressable_shards) == 4
  np.testing.assert_array_equal(parallel.unreplicate(copies)['a'], tree['a'])
