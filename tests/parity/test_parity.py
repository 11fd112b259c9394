"""Networks, losses, schedule and running statistics against PyTorch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')
F = torch.nn.functional


from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.pytorch import weights as torch_weights
from cyclegan_jax.models import layers, networks
from cyclegan_jax.models.initializers import Draws
from cyclegan_jax.models.verdict import Verdict
from cyclegan_jax.training.step import losses, rng, state as state_lib
from tests.parity import both, draws, torch_steps

pytestmark = pytest.mark.usefixtures('optimized')


def forward(config, name, net, image, training):
  """Our outputs and running statistics, then PyTorch's, from PyTorch's weights."""
  convert = both.conversion(config, name)
  model = dataclasses.replace(config.model, sync_batch_norm=False)
  ours = networks.build(model, make_domains(config.data))[name]
  params, stats = convert.from_torch(config, name, both.numpy_dict(net.state_dict()), name)
  with_dropout = training and model.dropout and name in networks.generators(model)
  keys = masks = None
  if with_dropout:
    keys = rng.dropout(config, 0, jnp.arange(len(image)))
    masks = [both.to_torch(mask, torch.float32) for mask in draws.dropout_masks(config, 0)]
  apply = jax.jit(lambda params, stats, x: ours(params, stats, x, training=training, keys=keys))
  y, stats = apply(params, stats, image)
  net.train(training)
  x = both.to_torch(image, torch.float32)
  with torch.no_grad():
    want = net(x, masks) if with_dropout else net(x)
  return (
    [np.asarray(part) for part in our_parts(y)],
    convert.to_torch(config, name, params, stats),
    [part.numpy().transpose(0, 2, 3, 1) for part in their_parts(want)],
    both.numpy_dict(net.state_dict()),
  )


def our_parts(y):
  """Images, or all maps of scores; test_discriminator_parity.py has the activations."""
  return y.scores if isinstance(y, Verdict) else [y]


def their_parts(y):
  return [y] if isinstance(y, torch.Tensor) else [scores for scores, _ in y]


def check_forward(config, record, tolerance):
  nets, batch = both.torch_nets(config), both.batches(config, 1)[0]
  seen = {'rgb': batch['rgb'], 'ir': batch['ir']}
  if config.model.method == 'pix2pix':
    seen['ir'] = np.concatenate([batch['rgb'], batch['ir']], -1)
  worst = 0
  for name, net in nets.items():
    image = seen[name.split('_to_')[0]].astype(np.float32)
    # The second pass uses the running statistics that the first has moved.
    for training in (True, False):
      ours, arrays, theirs, their_arrays = forward(config, name, net, image, training)
      for y, want in zip(ours, theirs, strict=True):
        assert y.shape == want.shape
        # A verdict on the whole image is a single number.
        scale = np.ptp(want) if want[0].size > 1 else np.abs(want).max()
        deviation = np.abs(y - want).max() / scale
        assert deviation < tolerance, (name, training)
        worst = max(worst, deviation)
      assert set(arrays) == set(their_arrays)
      for key, array in arrays.items():
        np.testing.assert_allclose(
          array,
          their_arrays[key],
          rtol=tolerance,
          err_msg=key,
          atol=tolerance * np.abs(their_arrays[key]).max(),
        )
  record('worst_deviation', f'{worst:.1e}')
  print(f'{config.train.preset}: outputs differ by at most {worst:.1e} of their range')


@pytest.mark.parametrize('ir_channels', [1, 3])
@pytest.mark.parametrize('preset', both.PRESETS)
def test_small_networks_have_the_same_outputs(preset, ir_channels, record_property):
  check_forward(both.tiny(preset, ir_channels=ir_channels), record_property, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('preset', both.PRESETS)
def test_published_networks_have_the_same_outputs(preset, record_property):
  rows = 2 if preset == 'udacity' else 1
  # Sums of up to 9,216 products, each rounded to 6e-8, through up to 24 layers: 8e-6 were seen.
  check_forward(config_lib.make(preset, dataset='x', batch_size=rows), record_property, 1e-5)


@pytest.mark.parametrize(
  'changed', [dict(n_residual_blocks=0), dict(n_downsampling=1), dict(n_downsampling=3)]
)
def test_other_shapes_of_resnet_have_pytorchs_keys(changed):
  config = both.tiny('cyclegan', **changed)
  net = both.torch_nets(config)['rgb_to_ir']
  assert {pair.key: pair.shape for pair in torch_weights.pairs(config, 'rgb_to_ir')} == {
    key: tuple(value.shape) for key, value in net.state_dict().items()
  }


@pytest.mark.parametrize('preset', both.TINY)
def test_weights_come_back_as_they_were(preset):
  config = both.tiny(preset)
  for name, net in both.torch_nets(config).items():
    arrays, convert = both.numpy_dict(net.state_dict()), both.conversion(config, name)
    back = convert.to_torch(config, name, *convert.from_torch(config, name, arrays, name))
    assert set(back) == set(arrays)
    for key, array in arrays.items():
      np.testing.assert_array_equal(back[key], array, err_msg=key)


@pytest.mark.parametrize('real', [True, False])
@pytest.mark.parametrize('kind', ['lsgan', 'vanilla', 'hinge'])
def test_losses(kind, real):
  scores = np.random.default_rng(0).normal(0, 3, (2, 5, 5, 1)).astype(np.float32)
  x = torch.from_numpy(scores)
  judged = {
    'lsgan': torch_steps.lsgan,
    'vanilla': torch_steps.cross_entropy,
    'hinge': lambda x, real: F.relu(1 - x if real else 1 + x).mean(),
  }[kind]
  fooled = -x.mean() if kind == 'hinge' else judged(x, True)
  assert float(losses.discriminator(kind, [scores], real)) == pytest.approx(
    judged(x, real).item(), rel=1e-6
  )
  assert float(losses.generator(kind, [scores])) == pytest.approx(fooled.item(), rel=1e-6)


@pytest.mark.parametrize(
  'start, decay, per_epoch', [(0, 0, 3), (0, 1, 2), (0, 4, 1), (1, 1, 1), (2, 3, 4), (100, 100, 2)]
)
def test_learning_rate_over_epochs(start, decay, per_epoch):
  rate = 2e-4
  config = config_lib.make(
    dataset='x', decay_start=start, decay_epochs=decay, learning_rate=rate, steps=1
  ).train
  weight = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
  theirs = torch.optim.Adam([weight], lr=rate, betas=(0.5, 0.999))
  factor = lambda epoch: torch_steps.learning_rate_factor(epoch, start, decay) if decay else 1.0
  schedule = torch.optim.lr_scheduler.LambdaLR(theirs, factor)
  ours = state_lib.make_optimizer(config, per_epoch)
  param = jnp.zeros(())
  state, update = ours.init(param), jax.jit(ours.update)
  # One epoch more than there are: the rate is then 0, and stays there.
  for epoch in range(start + decay + 1):
    for _ in range(per_epoch):
      before = weight.item()
      weight.grad = torch.ones_like(weight)
      theirs.step()
      change, state = update(jnp.ones(()), state, param)
      assert float(change) == pytest.approx(weight.item() - before, rel=1e-4, abs=1e-9), epoch
    schedule.step()
  assert not decay or abs(float(change)) < 1e-9
  assert isinstance(state[0], optax.ScaleByAdamState)


@pytest.mark.parametrize('shape', [(2, 1, 1), (1, 2, 2), (4, 8, 8)])
def test_running_statistics_of_batch_norm(shape):
  images = np.random.default_rng(0).normal(3, 2, (3, *shape, 5)).astype(np.float32)
  theirs = torch.nn.BatchNorm2d(5)
  config = config_lib.make(dataset='x', sync_batch_norm=False).model
  ours = layers.norm(config, 5, Draws(0))
  for image in images:
    theirs(both.to_torch(image, torch.float32))
    ours(jnp.asarray(image))
  np.testing.assert_allclose(ours.mean[...], theirs.running_mean, rtol=1e-5)
  np.testing.assert_allclose(ours.var[...], theirs.running_var, rtol=1e-5)
