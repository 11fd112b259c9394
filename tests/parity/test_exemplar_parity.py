"""The preset exemplar against PyTorch: networks with the same weights, and ten steps."""

import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from tests.parity import (
  both,
  one_device,
  torch_discriminators,
  torch_exemplar,
  torch_networks,
  torch_steps,
)

CONFIG = config_lib.make(
  'exemplar',
  dataset='x',
  paired=True,
  image_size=(16, 16),
  load_size=(0, 0),
  base_width=4,
  n_downsampling=1,
  n_residual_blocks=1,
  discriminator_width=4,
  discriminator_layers=1,
  batch_size=2,
)
DOMAINS = make_domains(CONFIG.data)
STEPS = 10


def torch_nets():
  """The generator and the discriminators in float64, their biases and scales disturbed."""
  model = CONFIG.model
  of_judge = dict(width=model.discriminator_width, depth=model.discriminator_layers, norm=False)
  nets = {
    'rgb_to_ir': torch_exemplar.Generator(
      {name: domain.channels for name, domain in DOMAINS.items()},
      width=model.base_width,
      depth=model.n_downsampling,
      blocks=model.n_residual_blocks,
    ),
    **{
      name: torch_discriminators.MultiscaleDiscriminator(domain.channels, **of_judge)
      for name, domain in DOMAINS.items()
    },
  }
  generator = torch.Generator().manual_seed(0)
  for net in nets.values():
    torch_networks.init_default(net, generator)
    both.disturb(net, generator)
    net.double()
  return nets


def key(path):
  """PyTorch's name of one of our arrays."""
  *layer, last = [str(part.key) for part in path]
  return '.'.join([*layer, 'weight' if last == 'kernel' else last])


def ours(nets):
  """Their arrays as our parameters."""
  shapes, _ = networks.abstract(CONFIG.model, DOMAINS)
  found = {}
  for name, net in nets.items():
    arrays = both.numpy_dict(net.state_dict())
    assert {key(path) for path, _ in jax.tree.leaves_with_path(shapes[name])} == set(arrays)
    turned = lambda x: x.transpose(2, 3, 1, 0) if x.ndim == 4 else x
    found[name] = jax.tree.map_with_path(
      lambda path, _, arrays=arrays: turned(arrays[key(path)]), shapes[name]
    )
  return found


@pytest.mark.slow
def test_ten_steps_in_float64(record_property):
  nets, data = torch_nets(), both.batches(CONFIG, STEPS)
  rate = dict(learning_rate=CONFIG.train.learning_rate)
  judges = {name: nets[name] for name in DOMAINS}
  optims = {
    'generators': torch_steps.adam(nets['rgb_to_ir'], **rate),
    'discriminators': torch_steps.adam(*judges.values(), **rate),
  }
  with jax.enable_x64(True):
    mine = list(one_device.stepped(CONFIG, DOMAINS, data, params=ours(nets)))
  first = nets['rgb_to_ir'].style('ir', both.to_torch(data[0]['ir'], torch.float64)).mean(0)
  np.testing.assert_allclose(
    mine[0][0].batch_stats['rgb_to_ir']['mean_style'], first.detach().numpy(), atol=1e-12
  )
  for (_, terms), batch in zip(mine, data, strict=True):
    images = {name: both.to_torch(x, torch.float64) for name, x in batch.items()}
    theirs = torch_exemplar.step(
      nets['rgb_to_ir'], judges, optims, images, CONFIG.loss.supervised_weight
    )
    for name, value in theirs.items():
      assert terms[name] == pytest.approx(value.item(), rel=1e-9), name
  wanted = ours(nets)
  apart = jax.tree.map(lambda a, b: np.abs(a - b).max(), mine[-1][0].params, wanted)
  worst = max(jax.tree.leaves(apart))
  record_property('weights', f'{worst:.1e}')
  print(f'exemplar: weights differ by {worst:.1e}')
  assert worst < 1e-9
