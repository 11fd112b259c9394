"""Discriminators of pix2pixHD and InfraGAN in PyTorch, in our own words.

  pix2pixHD: Wang et al. 2018 (arXiv 1711.11585), github.com/NVIDIA/pix2pixHD, models/networks.py.
  InfraGAN: Özkanoğlu & Ozer 2022, github.com/makifozkanoglu/InfraGAN, models/unetgan/, which is the
    discriminator of Schönfeld et al. 2020 without classes.
Both return what ours do: maps of scores, and for each the activations before it. Modules are named
as in the JAX code, see by_name.py. Images are [batch, channels, height, width] in [-1, 1].
"""

import itertools

import torch
from torch import nn
import torch.nn.functional as F
from torch.nn.utils import spectral_norm

_LEAK = 0.2
_WIDEST = 8
# By the U-Net's depth, channels on the way down in multiples of the width.
_UNET_WIDTHS = {5: (1, 2, 4, 8, 16), 6: (1, 2, 4, 8, 8, 16), 7: (1, 2, 4, 8, 8, 16, 32)}
# A score map and its activations.
Map = tuple[torch.Tensor, list[torch.Tensor]]


class PaddedPatchDiscriminator(nn.Module):
  """pix2pixHD's PatchGAN: that of pix2pix, but with two zeros around each convolution.

  All convolutions have a bias. depth counts the stride-2 layers; 3 is the published one.
  """

  def __init__(self, in_channels: int, width: int, depth: int, norm: bool = True):
    super().__init__()
    widths = [width * min(2**i, _WIDEST) for i in range(depth + 1)]
    conv = lambda a, b, stride: nn.Conv2d(a, b, 4, stride, 2)
    self.convs = nn.ModuleList([conv(in_channels, width, 2)])
    self.norms = nn.ModuleList()
    for i, (a, b) in enumerate(itertools.pairwise(widths), 1):
      self.convs.append(conv(a, b, 2 if i < depth else 1))
      self.norms.append(nn.InstanceNorm2d(b) if norm else nn.Identity())
    self.score = conv(widths[-1], 1, 1)

  def forward(self, x: torch.Tensor) -> Map:
    features = []
    for i, conv in enumerate(self.convs):
      x = conv(x)
      x = F.leaky_relu(self.norms[i - 1](x) if i else x, _LEAK)
      features.append(x)
    return self.score(x), features


class MultiscaleDiscriminator(nn.Module):
  """The same discriminator, each with its own weights, of the image at several scales.

  Full size first; between scales means of 3x3 pixels, without those beyond the border.
  """

  def __init__(
    self, in_channels: int, *, width: int = 64, depth: int = 3, scales: int = 2, norm: bool = True
  ):
    super().__init__()
    self.scales = nn.ModuleList(
      [PaddedPatchDiscriminator(in_channels, width, depth, norm) for _ in range(scales)]
    )
    self.smaller = nn.AvgPool2d(3, 2, 1, count_include_pad=False)

  def forward(self, x: torch.Tensor) -> list[Map]:
    maps = []
    for scale in self.scales:
      maps.append(scale(x))
      x = self.smaller(x)
    return maps


class DownBlock(nn.Module):
  """BigGAN's block of a discriminator: pre-activated except the first, average pooling."""

  def __init__(self, in_channels: int, channels: int, activated: bool):
    super().__init__()
    self.activated = activated
    self.conv1 = spectral_norm(nn.Conv2d(in_channels, channels, 3, padding=1))
    self.conv2 = spectral_norm(nn.Conv2d(channels, channels, 3, padding=1))
    self.shortcut = spectral_norm(nn.Conv2d(in_channels, channels, 1))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    y = self.conv2(F.relu(self.conv1(F.relu(x) if self.activated else x)))
    return F.avg_pool2d(y, 2) + F.avg_pool2d(self.shortcut(x), 2)


class UpBlock(nn.Module):
  """BigGAN's block of a generator without norms: nearest neighbors, both paths enlarged."""

  def __init__(self, in_channels: int, channels: int):
    super().__init__()
    self.conv1 = spectral_norm(nn.Conv2d(in_channels, channels, 3, padding=1))
    self.conv2 = spectral_norm(nn.Conv2d(channels, channels, 3, padding=1))
    self.shortcut = spectral_norm(nn.Conv2d(in_channels, channels, 1))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    y = self.conv1(F.interpolate(F.relu(x), scale_factor=2))
    return self.conv2(F.relu(y)) + self.shortcut(F.interpolate(x, scale_factor=2))


class Attention(nn.Module):
  """Self-attention as in BigGAN; the factor of what it adds is learned and begins at 0."""

  def __init__(self, channels: int):
    super().__init__()
    conv = lambda a, b: spectral_norm(nn.Conv2d(a, b, 1, bias=False))
    self.query, self.key = conv(channels, channels // 8), conv(channels, channels // 8)
    self.value, self.output = conv(channels, channels // 2), conv(channels // 2, channels)
    self.share = nn.Parameter(torch.zeros(()))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    query = self.query(x).flatten(2)
    key = F.max_pool2d(self.key(x), 2).flatten(2)
    value = F.max_pool2d(self.value(x), 2).flatten(2)
    weights = torch.softmax(torch.einsum('bcq,bck->bqk', query, key), -1)
    seen = torch.einsum('bck,bqk->bcq', value, weights).unflatten(2, x.shape[2:])
    return self.share * self.output(seen) + x


class UNetDiscriminator(nn.Module):
  """InfraGAN's discriminator; depth 7 is for 512x512 pixels, 6 for 256x256, 5 for 128x128.

  Attention follows the block that leaves 64x64 pixels of those sizes.
  """

  def __init__(self, in_channels: int, *, width: int = 64, depth: int = 7):
    super().__init__()
    downs = [width * multiple for multiple in _UNET_WIDTHS[depth]]
    self.down = nn.ModuleList(
      [DownBlock(a, b, i > 0) for i, (a, b) in enumerate(zip([in_channels] + downs, downs))]
    )
    self.attended = depth - 5
    self.attention = Attention(downs[self.attended])
    ups = [*downs[:-1][::-1], width]
    self.up = nn.ModuleList(
      [UpBlock(a if i == 0 else 2 * a, b) for i, (a, b) in enumerate(zip([downs[-1]] + ups, ups))]
    )
    self.image_score = spectral_norm(nn.Conv2d(downs[-1], 1, 1))
    self.pixel_score = nn.Conv2d(width, 1, 1)

  def forward(self, x: torch.Tensor) -> list[Map]:
    downs, ups = [], []
    for i, block in enumerate(self.down):
      x = block(x)
      x = self.attention(x) if i == self.attended else x
      downs.append(x)
    of_image = self.image_score(F.relu(x).sum((2, 3), keepdim=True))
    for i, block in enumerate(self.up):
      x = block(torch.cat([x, downs[-1 - i]], 1) if i else x)
      ups.append(x)
    return [(self.pixel_score(x), ups), (of_image, downs)]


def init_unet(net: UNetDiscriminator, generator: torch.Generator | None = None) -> None:
  """InfraGAN's start: orthogonal kernels, PyTorch's biases."""
  for module in net.modules():
    if isinstance(module, nn.Conv2d):
      weight = getattr(module, 'weight_orig', module.weight)
      nn.init.orthogonal_(weight, generator=generator)
      if module.bias is not None:
        bound = weight[0].numel() ** -0.5
        nn.init.uniform_(module.bias, -bound, bound, generator=generator)
