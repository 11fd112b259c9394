"""pix2pix in PyTorch, in our own words: its U-Net and its training step.

Isola et al. 2017 (arXiv 1611.07004), and the repository
github.com/junyanz/pytorch-CycleGAN-and-pix2pix. Its discriminator is in torch_networks.py.
"""

import collections
from collections.abc import Sequence

import torch
from torch import nn
import torch.nn.functional as F

from tests.parity import torch_steps
from tests.parity.torch_networks import LEAK, WIDEST


class MaskedDropout(nn.Dropout):
  """Dropout of single elements; while `mask` is set, it says which ones are kept in training."""

  mask: torch.Tensor | None = None

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    if self.mask is None or not self.training:
      return super().forward(x)
    if self.mask.shape != x.shape:
      raise ValueError(f'mask {tuple(self.mask.shape)} for values {tuple(x.shape)}')
    return x * self.mask / (1 - self.p)


class UNetBlock(nn.Module):
  """Halves the image, applies what is inside, doubles it; x is prepended to the channels.

  Without `skip` it is not, and what is inside has as many channels as it was given.

  The repository's leaky ReLU overwrites x before it is prepended. That changes nothing, since
  the next layer up is a ReLU: relu(leaky(x)) = relu(x), gradients too.
  """

  def __init__(
    self, outer: int, inner: int, inside: 'UNetBlock | None', dropout: bool, skip: bool = True
  ):
    super().__init__()
    self.skip = skip
    layers = [nn.LeakyReLU(LEAK), nn.Conv2d(outer, inner, 4, 2, 1, bias=False)]
    if inside is not None:
      layers += [nn.BatchNorm2d(inner), inside]
    channels = inner if inside is None or not inside.skip else 2 * inner
    layers += [
      nn.ReLU(),
      nn.ConvTranspose2d(channels, outer, 4, 2, 1, bias=False),
      nn.BatchNorm2d(outer),
      *[MaskedDropout(0.5)] * dropout,
    ]
    self.model = nn.Sequential(*layers)

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, self.model(x)], 1) if self.skip else self.model(x)


class UNetGenerator(nn.Module):
  """The U-Net of Isola section 3.2.1 and appendix 6.1.1: 54,413,955 parameters from 3 to 3.

  depth 8 is unet_256, depth 7 unet_128, depth 5 the smallest the repository can build; sides
  have to be multiples of 2^depth. Widths 64, 128, 256, then 512. No norm in the first
  convolution and at the bottleneck; dropout 0.5 on the way up in the depth - 5 blocks of
  constant width outside the bottleneck; only the last convolution has a bias. `skips` are the
  levels with skip connections, 1 the outermost.
  """

  def __init__(
    self,
    in_channels: int = 3,
    out_channels: int = 3,
    *,
    width: int = 64,
    depth: int = 8,
    dropout: bool = True,
    skips: frozenset[int] = frozenset(range(99)),
  ):
    super().__init__()
    widths = [width * min(2**i, WIDEST) for i in range(depth)]
    block = None
    for i in reversed(range(1, depth)):
      block = UNetBlock(widths[i - 1], widths[i], block, dropout and 4 <= i < depth - 1, i in skips)
    outermost = nn.Sequential(
      nn.Conv2d(in_channels, width, 4, 2, 1, bias=False),
      block,
      nn.ReLU(),
      nn.ConvTranspose2d(2 * width if 1 in skips else width, out_channels, 4, 2, 1),
      nn.Tanh(),
    )
    # The published keys begin with model.model.
    self.model = nn.Sequential(collections.OrderedDict(model=outermost))

  def dropouts(self) -> list[MaskedDropout]:
    """The dropout layers in the order in which they are applied, the deepest first."""
    return [m for m in self.modules() if isinstance(m, MaskedDropout)]

  def forward(self, x: torch.Tensor, masks: Sequence[torch.Tensor] | None = None) -> torch.Tensor:
    """Applies the network.

    Args:
      x: images.
      masks: for every one of `dropouts()` 1 where an element is kept, 0 where not; the first is
        [batch, channels, height / 2^(depth - 2), width / 2^(depth - 2)], each next twice as
        large. Without them PyTorch draws its own.

    Returns:
      Images of the same height and width.
    """
    layers = self.dropouts()
    for layer, mask in zip(layers, [None] * len(layers) if masks is None else masks, strict=True):
      layer.mask = mask
    return self.model(x)


def pix2pix_step(
  nets: torch_steps.Networks,
  optims: torch_steps.Optimizers,
  batch: torch_steps.Images,
  *,
  l1_weight: float = 100.0,
  gradient_weight: float = 0.0,
  masks: Sequence[torch.Tensor] | None = None,
) -> torch_steps.Terms:
  """Repository, models/pix2pix_model.py: the discriminator, then the generator against it.

  From RGB to IR; the discriminator sees the RGB image's channels first, then the IR ones'. The
  fake is generated once. The discriminator minimizes 0.5 * (fake + real) (Isola section 3.3),
  fake first: with batch norm that is the order in which the running statistics move. No pool.

  Args:
    nets: `rgb_to_ir` and `ir`, in training mode.
    optims: from `optimizers`.
    batch: `rgb` and `ir`, pairs.
    l1_weight: of the L1 term (Isola section 4.2; lambda in equation 4).
    gradient_weight: of the L1 terms between differences of neighboring pixels, which is our own
      reading of a "gradient loss"; not Isola's.
    masks: of the generator's dropout, see `UNetGenerator.forward`.

  Returns:
    Detached scalars: unweighted means, `discriminator_ir` and `generator` as minimized.
  """
  rgb, ir = batch['rgb'], batch['ir']
  fake = nets['rgb_to_ir'](rgb) if masks is None else nets['rgb_to_ir'](rgb, masks)

  torch_steps.freeze(nets, False)
  optims['discriminators'].zero_grad()
  on_fake = torch_steps.cross_entropy(nets['ir'](torch.cat([rgb, fake.detach()], 1)), False)
  on_real = torch_steps.cross_entropy(nets['ir'](torch.cat([rgb, ir], 1)), True)
  terms = torch_steps.minimize_discriminator('ir', on_real, on_fake, 0.5)
  optims['discriminators'].step()

  torch_steps.freeze(nets, True)
  optims['generators'].zero_grad()
  terms['adversarial_ir'] = torch_steps.cross_entropy(nets['ir'](torch.cat([rgb, fake], 1)), True)
  terms['supervised_ir'] = F.l1_loss(fake, ir)
  weights = dict(adversarial=1.0, supervised=l1_weight)
  if gradient_weight:
    terms['gradient_ir'] = sum(
      F.l1_loss(torch.diff(fake, dim=dim), torch.diff(ir, dim=dim)) for dim in (2, 3)
    )
    weights['gradient'] = gradient_weight
  terms['generator'] = torch_steps.weighted(terms, **weights)
  terms['generator'].backward()
  optims['generators'].step()
  return torch_steps.detached(terms)
