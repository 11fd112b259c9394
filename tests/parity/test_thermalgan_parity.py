"""The preset thermalgan against PyTorch: two pix2pix that learn apart, in one step of ours."""

import dataclasses

import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import condition
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.pytorch import weights as torch_weights
from cyclegan_jax.models import two_stage
from tests.parity import (
  both,
  draws,
  one_device,
  torch_networks,
  torch_pix2pix,
  torch_steps,
  torch_thermalgan,
)

TOLD = condition.of_kind('class_temperatures', ('sky', 'road', 'person'))
CONFIG = config_lib.make(
  'thermalgan',
  dataset='x',
  image_size=(64, 64),
  load_size=(0, 0),
  base_width=4,
  n_downsampling=6,
  batch_size=2,
  discriminator_width=4,
  discriminator_layers=2,
  decay_start=0,
  decay_epochs=0,
)
# Channels of each network's input: RGB and T; S and RGB; and what they make of them.
CHANNELS = {'base': 3 + 6, 'contrast': 1 + 3, 'judge_base': 3 + 1 + 6, 'judge_ir': 3 + 1 + 1}
STEPS = 10


def torch_nets():
  """PyTorch's networks, disturbed where they begin as 0 or 1."""
  model, nets = CONFIG.model, {}
  generator = torch.Generator().manual_seed(0)
  for name, channels in CHANNELS.items():
    nets[name] = (
      torch_networks.PatchDiscriminator(channels, width=4, depth=2, norm='batch')
      if name.startswith('judge')
      else torch_pix2pix.UNetGenerator(channels, 1, width=4, depth=model.n_downsampling)
    )
    torch_networks.init_normal(nets[name], generator)
    both.disturb(nets[name], generator)
  return {name: net.double() for name, net in nets.items()}


def converted(name, direction, *arrays):
  """Arrays of a network to ours or PyTorch's, as those of a pix2pix with its channels."""
  judge = name.startswith('judge')
  data = dataclasses.replace(CONFIG.data, rgb_channels=CHANNELS[name] - judge)
  model = dataclasses.replace(CONFIG.model, base='none', condition='none')
  config = dataclasses.replace(CONFIG, data=data, model=model)
  convert = getattr(torch_weights, direction)
  more = (name,) if direction == 'from_torch' else ()
  return convert(config, 'ir' if judge else 'rgb_to_ir', *arrays, *more)


def in_our_tree(found):
  """What belongs to PyTorch's networks by their names, under ours."""
  return {
    'rgb_to_ir': {name: found[name] for name in ('base', 'contrast')},
    'base': found['judge_base'],
    'ir': found['judge_ir'],
  }


def our_part(tree, name):
  return tree[name.removeprefix('judge_')] if name.startswith('judge') else tree['rgb_to_ir'][name]


def batches():
  rng = np.random.default_rng(0)
  draw = lambda *shape: rng.uniform(-1, 1, (2, *shape)).astype(np.float32).astype(np.float64)
  return [
    {
      'rgb': draw(64, 64, 3),
      'ir': draw(64, 64, 1),
      'labels': rng.choice(np.array([0, 1, 2, 255], np.uint8), (2, 64, 64)),
      condition.KEY: draw(6),
    }
    for _ in range(STEPS)
  ]


def their_steps(nets, optims, data):
  for i, batch in enumerate(data):
    rgb, ir = (both.to_torch(batch[name], torch.float64) for name in ('rgb', 'ir'))
    labels, told = torch.from_numpy(batch['labels']), torch.from_numpy(batch[condition.KEY])
    masks = [
      [both.to_torch(mask, torch.float64) for mask in draws.dropout_masks(CONFIG, i, of)]
      for of in (lambda keys: keys, two_stage.of_second_stage)
    ]
    base = torch_thermalgan.bases(ir, labels)
    weight = CONFIG.loss.thermal_weight
    one = torch_thermalgan.first_stage_step(nets, optims, rgb, told, base, labels, masks[0], weight)
    other = torch_thermalgan.second_stage_step(nets, optims, rgb, base, ir - base, masks[1])
    terms = {name: value.item() for name, value in {**one, **other}.items()}
    terms['generator'] = terms.pop('generator_base') + terms.pop('generator_ir')
    yield terms


def our_steps(nets, data):
  trees = [
    converted(name, 'from_torch', both.numpy_dict(net.state_dict())) for name, net in nets.items()
  ]
  params, stats = (in_our_tree(dict(zip(nets, part))) for part in zip(*trees))
  domains = make_domains(CONFIG.data, condition=TOLD)
  yield from one_device.stepped(CONFIG, domains, data, params=params, batch_stats=stats)


@pytest.mark.slow
def test_ten_steps_in_float64(record_property):
  data, nets = batches(), torch_nets()
  optims = {name: torch_steps.adam(net) for name, net in nets.items()}
  with jax.enable_x64(True):
    ours = list(our_steps(nets, data))
    theirs = list(their_steps(nets, optims, data))
  for (_, mine), others in zip(ours, theirs, strict=True):
    for name, value in others.items():
      assert mine[name] == pytest.approx(value, rel=1e-9), name
  assert ours[0][1] != ours[-1][1]
  state, worst = ours[-1][0], 0
  for name, net in nets.items():
    mine = converted(
      name, 'to_torch', our_part(state.params, name), our_part(state.batch_stats, name)
    )
    wanted = both.numpy_dict(net.state_dict())
    assert set(mine) == set(wanted)
    worst = max([worst, *(np.abs(mine[key] - wanted[key]).max() for key in wanted)])
  record_property('weights and statistics', f'{worst:.1e}')
  print(f'thermalgan: weights and statistics differ by {worst:.1e}')
  assert worst < 1e-9
