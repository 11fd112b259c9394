"""One training step of pix2pixHD and of InfraGAN in PyTorch, as its source takes it.

Sources as in torch_discriminators.py; names as in torch_steps.py. Discriminators see the RGB
image's channels first, then the IR ones'.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from tests.parity.torch_discriminators import Map
from tests.parity.torch_steps import adam, cross_entropy, Images, lsgan, Networks, Optimizers, Terms

_SSIM_SIZE, _SSIM_SIGMA = 11, 1.5


def infragan_optimizers(nets: Networks, learning_rate: float = 2e-4) -> Optimizers:
  """models/infragan.py: the discriminator learns at a hundredth of the rate."""
  return {
    'generators': adam(nets['rgb_to_ir'], learning_rate=learning_rate),
    'discriminators': adam(nets['ir'], learning_rate=learning_rate / 100),
  }


def pix2pixhd_step(
  nets: Networks, optims: Optimizers, batch: Images, *, feature_weight: float = 10.0
) -> Terms:
  """models/pix2pixHD_model.py and train.py, without the VGG loss.

  All losses are taken before either network is updated; the generator is updated first. The
  discriminator minimizes 0.5 * (fake + real), each summed over scales. Feature matching is L1 over
  the hidden activations, each layer 4 / (layers + 1), each scale 1 / scales of feature_weight.

  Returns:
    As `torch_pix2pix.pix2pix_step`; feature_matching_ir is the mean over layers and scales.
  """
  rgb, ir = batch['rgb'], batch['ir']
  fake = nets['rgb_to_ir'](rgb)
  judge = lambda image: nets['ir'](torch.cat([rgb, image], 1))
  on_fake, on_real, fooled = judge(fake.detach()), judge(ir), judge(fake)
  terms = {
    'discriminator_ir': 0.5 * (_total(lsgan, on_fake, False) + _total(lsgan, on_real, True)),
    'adversarial_ir': _total(lsgan, fooled, True),
  }
  matched = 0
  for (_, generated), (_, true) in zip(fooled, on_real, strict=True):
    layers = len(generated) - 1
    for a, b in zip(generated, true, strict=True):
      matched += feature_weight * 4 / (layers + 1) / len(fooled) * F.l1_loss(a, b.detach())
  terms['feature_matching_ir'] = matched / (4 * feature_weight)
  terms['generator'] = terms['adversarial_ir'] + matched

  optims['generators'].zero_grad()
  terms['generator'].backward(inputs=list(nets['rgb_to_ir'].parameters()), retain_graph=True)
  optims['discriminators'].zero_grad()
  terms['discriminator_ir'].backward(inputs=list(nets['ir'].parameters()))
  optims['generators'].step()
  optims['discriminators'].step()
  return {name: term.detach() for name, term in terms.items()}


def infragan_step(
  nets: Networks,
  optims: Optimizers,
  batch: Images,
  *,
  masks: Sequence[torch.Tensor] | None,
  weight: float = 100.0,
  ssim_weight: float = 100.0,
) -> Terms:
  """models/infragan.py: the discriminator, then the generator against it.

  The fake is generated once. The verdicts on the image and on its pixels count alike. The
  discriminator minimizes 0.5 * (fake + real), fake first: each pass moves the vectors of its
  spectral norms.

  Args:
    nets: `rgb_to_ir` and `ir`, in training mode.
    optims: from `infragan_optimizers`.
    batch: `rgb` and `ir`, pairs.
    masks: of the generator's dropout, see `torch_pix2pix.UNetGenerator.forward`.
    weight: of the L1 term.
    ssim_weight: of 1 - SSIM; the same there.

  Returns:
    As `torch_pix2pix.pix2pix_step`.
  """
  rgb, ir = batch['rgb'], batch['ir']
  fake = nets['rgb_to_ir'](rgb, masks)
  judge = lambda image: nets['ir'](torch.cat([rgb, image], 1))

  optims['discriminators'].zero_grad()
  on_fake = _total(cross_entropy, judge(fake.detach()), False)
  on_real = _total(cross_entropy, judge(ir), True)
  terms = {'discriminator_ir': 0.5 * (on_fake + on_real)}
  terms['discriminator_ir'].backward()
  optims['discriminators'].step()

  optims['generators'].zero_grad()
  terms['adversarial_ir'] = _total(cross_entropy, judge(fake), True)
  terms['supervised_ir'] = F.l1_loss(fake, ir)
  total = terms['adversarial_ir'] + weight * terms['supervised_ir']
  if ssim_weight:
    terms['ssim_ir'] = 1 - ssim(ir, fake)
    total = total + ssim_weight * terms['ssim_ir']
  terms['generator'] = total
  total.backward()
  optims['generators'].step()
  return {name: term.detach() for name, term in terms.items()}


def ssim(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
  """Mean SSIM of images in [-1, 1] (Wang et al. 2004): Gaussian windows wholly inside.

  Values count from 0, so the range is 2. InfraGAN has the constants of a range of 1.
  """
  a, b = a + 1, b + 1
  c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
  at = torch.arange(_SSIM_SIZE, dtype=a.dtype) - _SSIM_SIZE // 2
  line = torch.exp(-(at**2) / (2 * _SSIM_SIGMA**2))
  window = (line[:, None] * line / line.sum() ** 2).expand(a.shape[1], 1, -1, -1)
  mean = lambda x: F.conv2d(x, window, groups=a.shape[1])
  mean_a, mean_b = mean(a), mean(b)
  variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
  covariance = mean(a * b) - mean_a * mean_b
  luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
  return (luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)).mean()


def _total(loss, maps: list[Map], real: bool) -> torch.Tensor:
  return sum(loss(scores, real) for scores, _ in maps)
