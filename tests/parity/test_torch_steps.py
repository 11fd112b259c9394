"""The PyTorch steps themselves: schedule, pool, order of the updates and what they return."""

import copy
import math
import random

import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')
F = torch.nn.functional

from tests.parity import torch_networks as networks, torch_pix2pix, torch_steps as steps

SIZE = 64


def test_learning_rate_factor():
  factor = steps.learning_rate_factor
  assert [factor(epoch) for epoch in (0, 99)] == [1, 1]
  assert [factor(epoch) for epoch in (100, 149, 199, 200)] == pytest.approx(
    [100 / 101, 51 / 101, 1 / 101, 0]
  )
  optimizer = steps.adam(torch.nn.Linear(1, 1))
  schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: factor(e, 1, 3))
  rates = []
  for _ in range(4):
    rates += schedule.get_last_lr()
    optimizer.step()
    schedule.step()
  assert rates == pytest.approx([2e-4, 1.5e-4, 1e-4, 0.5e-4])


def test_pool():
  pool = steps.ImagePool(2)
  images = torch.arange(8.0).reshape(8, 1, 1, 1)

  def show(first, *draws):
    return pool.query(images[first : first + len(draws)], draws).flatten().tolist()

  # The third finds the pool full of 0 and 1, the fourth finds what the third has left there.
  assert show(0, 1, 1, 0, 0) == [0, 1, 0, 2]
  assert show(4, steps.FRESH, 1) == [4, 1]
  assert [image.item() for image in pool.images] == [3, 5]
  assert steps.ImagePool(0).query(images, []) is images

  draws = steps.pool_draws(4000, 50, random.Random(0))
  assert set(draws) == {steps.FRESH, *range(50)}
  assert draws.count(steps.FRESH) == pytest.approx(2000, abs=150)


def tiny(preset):
  """Small networks of a preset, their optimizers, and a batch."""
  torch.manual_seed(0)
  batch = {name: torch.rand(2, 3, SIZE, SIZE) * 2 - 1 for name in steps.DISCRIMINATORS}
  if preset == 'pix2pix':
    nets = {
      'rgb_to_ir': torch_pix2pix.UNetGenerator(width=4, depth=6),
      'ir': networks.PatchDiscriminator(6, width=4, depth=2, norm='batch'),
    }
  elif preset == 'cyclegan':
    nets = {
      **{n: networks.ResnetGenerator(width=4, blocks=1) for n in steps.GENERATORS},
      **{n: networks.PatchDiscriminator(width=4, depth=2) for n in steps.DISCRIMINATORS},
    }
  else:
    nets = {
      **{n: networks.UdacityGenerator(width=4, blocks=1) for n in steps.GENERATORS},
      **{n: networks.UdacityDiscriminator(width=4, depth=3) for n in steps.DISCRIMINATORS},
    }
  make = steps.udacity_optimizers if preset == 'udacity' else steps.optimizers
  return nets, make(nets, learning_rate=0.01), batch


def cycle_terms(generators, judges, rgb, ir):
  """All terms of the generators, written out."""
  to_ir, to_rgb = generators['rgb_to_ir'], generators['ir_to_rgb']
  distance = lambda a, b: (a - b).abs().mean()
  return {
    'adversarial_rgb': ((judges['rgb'](to_rgb(ir)) - 1) ** 2).mean(),
    'adversarial_ir': ((judges['ir'](to_ir(rgb)) - 1) ** 2).mean(),
    'cycle_rgb': distance(to_rgb(to_ir(rgb)), rgb),
    'cycle_ir': distance(to_ir(to_rgb(ir)), ir),
    'identity_rgb': distance(to_rgb(rgb), rgb),
    'identity_ir': distance(to_ir(ir), ir),
    'supervised_rgb': distance(to_rgb(ir), rgb),
    'supervised_ir': distance(to_ir(rgb), ir),
  }


@pytest.mark.parametrize(
  'preset, first, factor', [('udacity', 'discriminators', 1), ('cyclegan', 'generators', 0.5)]
)
def test_order_and_terms_of_a_cycle_step(preset, first, factor):
  nets, optims, batch = tiny(preset)
  old = copy.deepcopy(nets)
  step = getattr(steps, f'{preset}_step')
  terms = step(nets, optims, batch, cycle_weight=7.0, identity_weight=3.0, supervised_weight=2.0)

  want = cycle_terms(old, nets if first == 'discriminators' else old, **batch)
  weights = {'adversarial': 1, 'cycle': 7, 'identity': 3, 'supervised': 2}
  want['generator'] = sum(weights[name.split('_')[0]] * value for name, value in want.items())
  want['generator'].backward()
  for name in steps.GENERATORS:
    for a, b in zip(nets[name].parameters(), old[name].parameters()):
      torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-5)
  # The old generators even where the discriminators come last.
  fakes = {'rgb': old['ir_to_rgb'](batch['ir']), 'ir': old['rgb_to_ir'](batch['rgb'])}
  for name in steps.DISCRIMINATORS:
    real, fake = ((old[name](batch[name]) - 1) ** 2).mean(), (old[name](fakes[name]) ** 2).mean()
    want |= {
      f'discriminator_{name}_real': real,
      f'discriminator_{name}_fake': fake,
      f'discriminator_{name}': factor * (real + fake),
    }
  assert {name: value.item() for name, value in terms.items()} == pytest.approx(
    {name: value.item() for name, value in want.items()}, rel=1e-4
  )
  # Adam's first step is the learning rate wherever there is a gradient.
  for name, net in nets.items():
    moved = max((a - b).abs().max() for a, b in zip(net.parameters(), old[name].parameters()))
    assert moved.item() == pytest.approx(0.01, rel=1e-3)


def test_optimizers():
  for preset, count in [('udacity', 3), ('cyclegan', 2), ('pix2pix', 2)]:
    nets, _, _ = tiny(preset)
    optims = (steps.udacity_optimizers if preset == 'udacity' else steps.optimizers)(nets)
    groups = [group for optim in optims.values() for group in optim.param_groups]
    assert len(groups) == count
    assert {(g['lr'], g['betas'], g['eps'], g['weight_decay']) for g in groups} == {
      (2e-4, (0.5, 0.999), 1e-8, 0)
    }
    assert sum(p.numel() for g in groups for p in g['params']) == sum(
      networks.count_parameters(net) for net in nets.values()
    )


def test_order_and_terms_of_a_pix2pix_step():
  nets, optims, batch = tiny('pix2pix')
  old = copy.deepcopy(nets)
  masks = [(torch.rand(2, 32, 4, 4) > 0.5).float()]
  terms = torch_pix2pix.pix2pix_step(nets, optims, batch, masks=masks)

  fake = old['rgb_to_ir'](batch['rgb'], masks)
  pair = torch.cat([batch['rgb'], fake], 1)
  assert terms['discriminator_ir_fake'].item() == pytest.approx(
    F.softplus(old['ir'](pair)).mean().item(), rel=1e-4
  )
  assert terms['adversarial_ir'].item() == pytest.approx(
    F.softplus(-nets['ir'](pair)).mean().item(), rel=1e-4
  )
  halves = terms['discriminator_ir_real'] + terms['discriminator_ir_fake']
  assert terms['discriminator_ir'].item() == pytest.approx(halves.item() / 2, rel=1e-5)
  assert terms['supervised_ir'].item() == pytest.approx(
    (fake - batch['ir']).abs().mean().item(), rel=1e-4
  )
  assert terms['generator'].item() == pytest.approx(
    (terms['adversarial_ir'] + 100 * terms['supervised_ir']).item(), rel=1e-5
  )


def test_running_statistics_of_a_pix2pix_step():
  nets, optims, batch = tiny('pix2pix')
  masks = [torch.ones(2, 32, 4, 4)]
  generator, judge = copy.deepcopy(nets['rgb_to_ir']), copy.deepcopy(nets['ir'])
  torch_pix2pix.pix2pix_step(nets, optims, batch, masks=masks)
  fake = torch.cat([batch['rgb'], generator(batch['rgb'], masks)], 1)
  for images in (fake, torch.cat([batch['rgb'], batch['ir']], 1)):
    judge(images)
  statistics = {k: v for k, v in judge.state_dict().items() if 'running' in k or 'tracked' in k}
  judge.load_state_dict({**nets['ir'].state_dict(), **statistics})
  judge(fake)
  torch.testing.assert_close(judge.state_dict(), nets['ir'].state_dict())


def test_udacity_update_does_not_need_gradients_through_the_fakes():
  states = []
  for detach in (False, True):
    nets, optims, batch = tiny('udacity')
    for _ in range(2):
      steps.udacity_step(nets, optims, batch, detach_fakes=detach)
    states.append({name: net.state_dict() for name, net in nets.items()})
  torch.testing.assert_close(states[0], states[1])
  # Twice as a fake, once on the way back, in each of two steps.
  assert states[0]['rgb_to_ir']['conv1.1.num_batches_tracked'] == 6


def test_cyclegan_pool_is_for_the_discriminators_only():
  nets, optims, batch = tiny('cyclegan')
  old = copy.deepcopy(nets)
  stored = torch.rand(3, SIZE, SIZE)
  pools = {name: steps.ImagePool(1) for name in steps.DISCRIMINATORS}
  for pool in pools.values():
    pool.images.append(stored)
  draws = {'rgb': [0, steps.FRESH], 'ir': [steps.FRESH, steps.FRESH]}
  terms = steps.cyclegan_step(nets, optims, batch, pools=pools, draws=draws)

  fake = old['ir_to_rgb'](batch['ir'])
  shown = torch.stack([stored, fake[1]])
  assert terms['discriminator_rgb_fake'].item() == pytest.approx(
    (old['rgb'](shown) ** 2).mean().item(), rel=1e-4
  )
  assert terms['adversarial_rgb'].item() == pytest.approx(
    ((old['rgb'](fake) - 1) ** 2).mean().item(), rel=1e-4
  )
  torch.testing.assert_close(pools['rgb'].images[0], fake[0])
  assert torch.equal(pools['ir'].images[0], stored)
  assert math.isfinite(terms['generator'].item()) and not terms['generator'].requires_grad
