"""ThermalGAN in PyTorch, in our own words: bases of mean temperatures, and the steps of its stages.

The second stage is that of github.com/vlkniaz/ThermalGAN (data/thermal_rel_dataset.py,
models/pix2pix_model.py): pix2pix from RGB and a base to what the image has on top of it. The
repository puts the base before the RGB image, divides by 10 degC, and clips; here, values are as
they are, and the channels in our order. The first stage was not published; this text is of ours.
Both learn for themselves.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from tests.parity.torch_steps import cross_entropy, detached, Networks, Optimizers, Terms

UNLABELED = 255


def bases(ir: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
  """Each pixel has the mean of its class, of those of images [batch, 1, height, width]."""
  base = torch.zeros_like(ir)
  for i, classes in enumerate(labels):
    for index in classes.unique():
      here = classes == index
      base[i, 0, here] = ir[i, 0, here].mean()
  return base


def temperatures_apart(a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
  """Mean over images of the mean over their classes of the difference of means."""
  means = []
  for one, other, classes in zip(a, b, labels, strict=True):
    heres = [classes == index for index in classes.unique() if index != UNLABELED]
    means.append(torch.stack([(one[0, h].mean() - other[0, h].mean()).abs() for h in heres]).mean())
  return torch.stack(means).mean()


def first_stage_step(
  nets: Networks,
  optims: Optimizers,
  rgb: torch.Tensor,
  temperatures: torch.Tensor,
  base: torch.Tensor,
  labels: torch.Tensor,
  masks: Sequence[torch.Tensor],
  thermal_weight: float,
) -> Terms:
  """(RGB, T) to S: pix2pix, and the distance of temperatures.

  `nets` are `base` and `judge_base`, and `optims` theirs; T is [batch, n].
  """
  planes = temperatures[:, :, None, None].expand(-1, -1, *rgb.shape[2:])
  fake = nets['base'](torch.cat([rgb, planes], 1), masks)
  judge = lambda image: nets['judge_base'](torch.cat([rgb, image, planes], 1))
  apart = temperatures_apart(fake, base, labels)
  terms = _pix2pix(
    'base', optims['base'], optims['judge_base'], judge, fake, base, thermal_weight * apart
  )
  return detached({**terms, 'thermal_base': apart})


def second_stage_step(
  nets: Networks,
  optims: Optimizers,
  rgb: torch.Tensor,
  base: torch.Tensor,
  contrasts: torch.Tensor,
  masks: Sequence[torch.Tensor],
) -> Terms:
  """(RGB, S) to R, as published. `nets` are `contrast` and `judge_ir`, and `optims` theirs."""
  given = torch.cat([rgb, base], 1)
  fake = nets['contrast'](torch.cat([base, rgb], 1), masks)
  judge = lambda image: nets['judge_ir'](torch.cat([given, image], 1))
  return detached(
    _pix2pix('ir', optims['contrast'], optims['judge_ir'], judge, fake, contrasts, 0.0)
  )


def _pix2pix(name, of_generator, of_judge, judge, fake, true, more) -> Terms:
  """The discriminator by half its loss, fakes first; then the generator, against the new one."""
  of_judge.zero_grad()
  on_fake = cross_entropy(judge(fake.detach()), False)
  on_real = cross_entropy(judge(true), True)
  terms = {f'discriminator_{name}': 0.5 * (on_fake + on_real)}
  terms[f'discriminator_{name}'].backward()
  of_judge.step()
  of_generator.zero_grad()
  terms[f'adversarial_{name}'] = cross_entropy(judge(fake), True)
  terms[f'supervised_{name}'] = F.l1_loss(fake, true)
  total = terms[f'adversarial_{name}'] + 100 * terms[f'supervised_{name}'] + more
  total.backward()
  of_generator.step()
  return {**terms, f'generator_{name}': total}
