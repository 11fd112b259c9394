"""Discriminators, spectral norm, feature matching and R1 against PyTorch, in float64."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')
F = torch.nn.functional

from flax import nnx

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import layers, networks
from cyclegan_jax.models.initializers import Draws
from cyclegan_jax.settings import ModelConfig
from cyclegan_jax.training.step import losses, microbatch
from tests.parity import both, torch_paired_steps

PRESETS = ('pix2pixhd', 'infragan')
SLOW = ('pix2pixhd', pytest.param('infragan', marks=pytest.mark.slow))


@pytest.fixture(autouse=True)
def float64():
  with jax.enable_x64(True):
    yield


def judge_of(preset, **overrides):
  """Our discriminator with its arrays, PyTorch's, and what both see."""
  config = both.tiny(preset, **overrides)
  config = dataclasses.replace(
    config, model=dataclasses.replace(config.model, sync_batch_norm=False)
  )
  net = both.torch_nets(config)['ir'].double()
  params, stats = both.conversion(config, 'ir').from_torch(
    config, 'ir', both.numpy_dict(net.state_dict()), 'ir'
  )
  params, stats = jax.tree.map(jnp.asarray, (params, stats))
  ours = networks.build(config.model, make_domains(config.data))['ir']
  (batch,) = both.batches(config, 1)
  return config, ours, params, stats, net, batch


def shown(batch):
  return np.concatenate([batch['rgb'], batch['ir']], -1)


def to_ours(x):
  return x.detach().numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize('preset', PRESETS)
def test_scores_activations_and_statistics(preset):
  config, ours, params, stats, net, batch = judge_of(preset)
  image = shown(batch)
  apply = jax.jit(
    lambda stats, x, training: ours(params, stats, x, training=training), static_argnums=2
  )
  # The first two passes move the vectors of spectral norms, the last one uses them.
  for training in (True, True, False):
    verdict, stats = apply(stats, image, training)
    with torch.no_grad():
      maps = net.train(training)(both.to_torch(image, torch.float64))
    for scores, features, (want, wanted) in zip(*verdict, maps, strict=True):
      for a, b in zip((scores, *features), (want, *wanted), strict=True):
        np.testing.assert_allclose(a, to_ours(b), atol=1e-10 * np.abs(to_ours(b)).max())
    arrays = both.conversion(config, 'ir').to_torch(config, 'ir', params, stats)
    for key, array in both.numpy_dict(net.state_dict()).items():
      np.testing.assert_allclose(arrays[key], array, atol=1e-12, err_msg=key)


@pytest.mark.parametrize('remat', [False, True])
@pytest.mark.parametrize('kernel_size, stride, padding', [(4, 2, 1), (3, 1, 1), (1, 1, 0)])
def test_spectral_norm_equals_pytorchs(kernel_size, stride, padding, remat):
  theirs = torch.nn.Conv2d(3, 5, kernel_size, stride, padding).double()
  theirs = torch.nn.utils.spectral_norm(theirs)
  ours = layers.Conv(
    ModelConfig(),
    3,
    5,
    kernel_size,
    stride,
    padding=padding,
    use_bias=True,
    spectral_norm=True,
    rngs=Draws(0),
  )
  graph, params, stats = nnx.split(ours, nnx.Param, nnx.BatchStat)
  params, stats = nnx.to_pure_dict(params), nnx.to_pure_dict(stats)
  kernel = theirs.weight_orig.detach().numpy().transpose(2, 3, 1, 0)
  params = {'kernel': jnp.asarray(kernel), 'bias': jnp.asarray(theirs.bias.detach().numpy())}
  v = theirs.weight_v.numpy().reshape(3, kernel_size, kernel_size).transpose(1, 2, 0).ravel()
  stats = {'spectral_norm': {'u': jnp.asarray(theirs.weight_u.numpy()), 'v': jnp.asarray(v)}}

  def apply(params, stats, x, training):
    module = nnx.merge(graph, params, stats, copy=True)
    module.train() if training else module.eval()
    return module(x), nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))

  if remat:
    apply = jax.checkpoint(apply, static_argnums=3)

  def loss(params, stats, x, training):
    y, stats = apply(params, stats, x, training)
    return jnp.sum(y**3), (y, stats)

  gradient = jax.jit(jax.grad(loss, has_aux=True), static_argnums=3)
  rng = np.random.default_rng(0)
  for training in (True, True, False, True, False):
    x = rng.normal(size=(2, 8, 6, 3))
    grads, (y, stats) = gradient(params, stats, x, training)
    theirs.train(training).zero_grad()
    want = theirs(both.to_torch(x, torch.float64))
    (want**3).sum().backward()
    np.testing.assert_allclose(y, to_ours(want), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(stats['spectral_norm']['u'], theirs.weight_u, rtol=1e-10)
    kernel_gradient = theirs.weight_orig.grad.numpy().transpose(2, 3, 1, 0)
    np.testing.assert_allclose(grads['kernel'], kernel_gradient, rtol=1e-8, atol=1e-10)
    # Weights move between passes.
    step = 1e-3 * rng.normal(size=kernel.shape)
    params = {**params, 'kernel': params['kernel'] + step}
    with torch.no_grad():
      theirs.weight_orig += torch.from_numpy(step.transpose(3, 2, 0, 1))


@pytest.mark.parametrize('preset', PRESETS)
def test_feature_matching_and_its_gradient(preset):
  _, ours, params, stats, net, batch = judge_of(preset)
  net.eval()
  image, other = jnp.asarray(shown(batch)), jnp.asarray(shown(batch)[::-1])
  features = lambda x: ours(params, stats, x, training=False)[0].features
  loss = lambda x: losses.feature_matching(features(image), features(x))
  value, gradient = jax.jit(jax.value_and_grad(loss))(other)

  x = both.to_torch(np.asarray(other), torch.float64).requires_grad_()
  differences = [
    F.l1_loss(a, b.detach())
    for (_, generated), (_, true) in zip(net(x), net(both.to_torch(shown(batch), torch.float64)))
    for a, b in zip(generated, true)
  ]
  want = torch.stack(differences).mean()
  want.backward()
  assert float(value) == pytest.approx(want.item(), rel=1e-10)
  np.testing.assert_allclose(gradient, to_ours(x.grad), atol=1e-10 * np.abs(x.grad.numpy()).max())


@pytest.mark.parametrize('preset', SLOW)
def test_r1_equals_autograd_in_every_kth_step(preset):
  every, weight = 3, 5.0
  config, ours, params, stats, net, batch = judge_of(preset, r1_weight=weight, r1_every=every)
  data = {name: jnp.asarray(batch[name]) for name in ('rgb', 'ir')}
  fake = jnp.asarray(shown(batch)[::-1].copy())

  def loss(params, step):
    part = microbatch.Microbatch({'ir': ours}, config, step, data, 0)
    total, (_, terms) = part.discriminator_loss({'ir': params}, {'ir': fake}, {'ir': stats})
    return total, terms

  gradient = jax.jit(jax.grad(loss, has_aux=True))
  plain, terms = gradient(params, jnp.int32(1))
  assert terms['r1_ir'] == 0
  with_penalty, terms = gradient(params, jnp.int32(2 * every))

  # The vectors of spectral norms as both passes of the loss have left them, and one more.
  net.train()
  x = both.to_torch(shown(batch), torch.float64).requires_grad_()
  for seen in (both.to_torch(np.asarray(fake), torch.float64), x):
    net(seen)
  score = sum(scores.mean((1, 2, 3)) for scores, _ in net(x)).sum()
  (slope,) = torch.autograd.grad(score, x, create_graph=True)
  want = every * (slope**2).sum((1, 2, 3)).mean() / 2
  net.zero_grad()
  (weight * want).backward()
  assert float(terms['r1_ir']) == pytest.approx(want.item(), rel=1e-9)
  theirs = both.numpy_dict(
    {
      key: torch.zeros_like(p) if p.grad is None else p.grad
      for key, p in net.named_parameters(remove_duplicate=False)
    }
  )
  difference = jax.tree.map(jnp.subtract, with_penalty, plain)
  mine = both.conversion(config, 'ir').to_torch(config, 'ir', difference)
  scale = max(np.abs(array).max() for array in theirs.values())
  for key, array in theirs.items():
    np.testing.assert_allclose(mine[key], array, atol=1e-9 * scale, err_msg=key)


def test_the_gradient_of_dissimilarity():
  a, b = (np.random.default_rng(i).uniform(-1, 1, (2, 16, 20, 1)) for i in range(2))
  b = (a + 0.3 * b).clip(-1, 1)
  value, gradient = jax.value_and_grad(lambda b: losses.dissimilarity(a, b))(b)
  x = both.to_torch(b, torch.float64).requires_grad_()
  want = 1 - torch_paired_steps.ssim(both.to_torch(a, torch.float64), x)
  want.backward()
  # Ours is float32.
  assert float(value) == pytest.approx(want.item(), rel=1e-5)
  np.testing.assert_allclose(gradient, to_ours(x.grad), atol=1e-4 * np.abs(x.grad.numpy()).max())
