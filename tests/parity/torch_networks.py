"""The published networks in PyTorch, in our own words: what the JAX networks are compared with.

Two sources, each cited at the classes (torch_pix2pix.py has a third):
  udacity: github.com/udacity/deep-learning-v2-pytorch, cycle-gan/, which the paper modified.
  cyclegan: Zhu et al. 2017 (arXiv 1703.10593), github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
Keys of the state_dict are those of the sources, so that their checkpoints load (some published
ones carry running statistics of instance norms, which the repository too drops). Images are
float32 [batch, channels, height, width] in [-1, 1].
"""

import itertools

import torch
from torch import nn
import torch.nn.functional as F

LEAK = 0.2
# Channels stop doubling at eight times the first layer's, in PatchGAN and U-Net.
WIDEST = 8


def count_parameters(module: nn.Module) -> int:
  """The number of trainable scalars."""
  return sum(p.numel() for p in module.parameters())


def init_default(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
  """The udacity networks' start: the notebook writes none, so it is PyTorch's own.

  Convolution weights and biases, ordinary or transposed: uniform on +-1/sqrt(fan_in), fan_in
  being k^2 times the input channels, for transposed ones k^2 times the output channels
  (torch.nn.init counts the weight's second axis). Batch norm: scale 1, offset 0.
  """
  for m in module.modules():
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
      bound = m.weight[0].numel() ** -0.5
      for p in m.parameters():
        nn.init.uniform_(p, -bound, bound, generator=generator)
    elif isinstance(m, nn.BatchNorm2d):
      m.reset_parameters()
  return module


def init_normal(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
  """The cyclegan and pix2pix networks' start (Zhu appendix 7.1, Isola appendix 6.2).

  Convolution weights, ordinary or transposed: normal, mean 0, standard deviation 0.02; biases
  0. Batch norm (in the repository only, models/networks.py): scale normal, mean 1, standard
  deviation 0.02; offset 0. Instance norm has no parameters.
  """
  for m in module.modules():
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
      mean = float(isinstance(m, nn.BatchNorm2d))
      nn.init.normal_(m.weight, mean, 0.02, generator=generator)
      if m.bias is not None:
        nn.init.zeros_(m.bias)
  return module


# --- udacity ---------------------------------------------------------------------------------


def _udacity_layer(
  kind: type[nn.Module],
  in_channels: int,
  out_channels: int,
  *,
  kernel: int = 4,
  stride: int = 2,
  norm: bool = True,
) -> nn.Sequential:
  """The notebook's `conv` and `deconv`: zero padding 1, no bias, then batch norm if wanted."""
  layer = kind(in_channels, out_channels, kernel, stride, 1, bias=False)
  return nn.Sequential(layer, *[nn.BatchNorm2d(out_channels)] * norm)


class UdacityResidualBlock(nn.Module):
  """x + BN(conv(ReLU(BN(conv(x))))), 3x3, no ReLU after the sum (notebook, ResidualBlock)."""

  def __init__(self, channels: int):
    super().__init__()
    self.conv_layer1 = _udacity_layer(nn.Conv2d, channels, channels, kernel=3, stride=1)
    self.conv_layer2 = _udacity_layer(nn.Conv2d, channels, channels, kernel=3, stride=1)

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return x + self.conv_layer2(F.relu(self.conv_layer1(x)))


class UdacityGenerator(nn.Module):
  """The notebook's CycleGenerator: 8,402,176 parameters from 3 to 3 channels.

  Keys: conv1..., res_blocks.0.conv_layer1..., deconv1...; in each, 0 is the convolution and 1
  the batch norm (eps 1e-5, momentum 0.1). The last has no norm. Only width 64, blocks 6,
  depth 3 are the notebook's; sides have to be multiples of 2^depth.
  """

  def __init__(
    self,
    in_channels: int = 3,
    out_channels: int = 3,
    *,
    width: int = 64,
    blocks: int = 6,
    depth: int = 3,
  ):
    super().__init__()
    self.depth = depth
    widths = [width * 2**i for i in range(depth)]
    for i, (a, b) in enumerate(zip([in_channels] + widths, widths), 1):
      self.add_module(f'conv{i}', _udacity_layer(nn.Conv2d, a, b))
    self.res_blocks = nn.Sequential(*[UdacityResidualBlock(widths[-1]) for _ in range(blocks)])
    ups = widths[::-1] + [out_channels]
    for i, (a, b) in enumerate(itertools.pairwise(ups), 1):
      self.add_module(f'deconv{i}', _udacity_layer(nn.ConvTranspose2d, a, b, norm=i < depth))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    for i in range(1, self.depth + 1):
      x = F.relu(self.get_submodule(f'conv{i}')(x))
    x = self.res_blocks(x)
    for i in range(1, self.depth):
      x = F.relu(self.get_submodule(f'deconv{i}')(x))
    return torch.tanh(self.get_submodule(f'deconv{self.depth}')(x))


class UdacityDiscriminator(nn.Module):
  """The notebook's Discriminator: 2,765,568 parameters for 3 channels, 128x128 to 7x7 scores.

  Keys: conv1 to conv5, as in the generator. ReLU, not leaky; no norm in the first and the last,
  no sigmoid. Only width 64, depth 4 (stride-2 layers) are the notebook's.
  """

  def __init__(self, in_channels: int = 3, *, width: int = 64, depth: int = 4):
    super().__init__()
    self.depth = depth
    widths = [width * 2**i for i in range(depth)]
    for i, (a, b) in enumerate(zip([in_channels] + widths, widths), 1):
      self.add_module(f'conv{i}', _udacity_layer(nn.Conv2d, a, b, norm=i > 1))
    self.add_module(
      f'conv{depth + 1}', _udacity_layer(nn.Conv2d, widths[-1], 1, stride=1, norm=False)
    )

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    for i in range(1, self.depth + 1):
      x = F.relu(self.get_submodule(f'conv{i}')(x))
    return self.get_submodule(f'conv{self.depth + 1}')(x)


# --- cyclegan --------------------------------------------------------------------------------


class ResnetBlock(nn.Module):
  """x + IN(conv(ReLU(IN(conv(x))))), 3x3 after reflection padding (Zhu appendix 7.2, Rk)."""

  def __init__(self, channels: int):
    super().__init__()
    half = lambda: [
      nn.ReflectionPad2d(1),
      nn.Conv2d(channels, channels, 3),
      nn.InstanceNorm2d(channels),
    ]
    self.conv_block = nn.Sequential(*half(), nn.ReLU(), *half())

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
  """Zhu appendix 7.2: c7s1-64, d128, d256, R256 nine times, u128, u64, c7s1-3.

  11,378,179 parameters from 3 to 3 channels, with 6 blocks 7,837,699. Instance norm without
  parameters (eps 1e-5), every convolution with a bias, no dropout: the repository's defaults for
  this model. Sides have to be multiples of 2^depth; only depth 2 is the published one.
  """

  def __init__(
    self,
    in_channels: int = 3,
    out_channels: int = 3,
    *,
    width: int = 64,
    blocks: int = 9,
    depth: int = 2,
  ):
    super().__init__()
    widths = [width * 2**i for i in range(depth + 1)]
    after = lambda channels: [nn.InstanceNorm2d(channels), nn.ReLU()]
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(in_channels, width, 7), *after(width)]
    for a, b in itertools.pairwise(widths):
      layers += [nn.Conv2d(a, b, 3, 2, 1), *after(b)]
    layers += [ResnetBlock(widths[-1]) for _ in range(blocks)]
    for a, b in zip(widths[::-1], widths[-2::-1]):
      layers += [nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), *after(b)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7), nn.Tanh()]
    self.model = nn.Sequential(*layers)

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return self.model(x)


class PatchDiscriminator(nn.Module):
  """The 70x70 PatchGAN (Isola appendix 6.1.2, Zhu appendix 7.2): C64-C128-C256-C512.

  norm 'instance' is cyclegan's (2,764,737 parameters for 3 channels), 'batch' pix2pix's
  (2,768,705 for 6). No norm in the first layer, leaky ReLU 0.2, raw scores: 256x256 to 30x30.
  In the repository the first and the last convolution have a bias, those between only with
  instance norm. depth counts the stride-2 layers; 3 is the published one.
  """

  def __init__(
    self, in_channels: int = 3, *, width: int = 64, depth: int = 3, norm: str = 'instance'
  ):
    super().__init__()
    norm_layer = {'instance': nn.InstanceNorm2d, 'batch': nn.BatchNorm2d}[norm]
    widths = [width * min(2**i, WIDEST) for i in range(depth + 1)]
    layers = [nn.Conv2d(in_channels, width, 4, 2, 1), nn.LeakyReLU(LEAK)]
    for i, (a, b) in enumerate(itertools.pairwise(widths), 1):
      stride = 2 if i < depth else 1
      layers += [
        nn.Conv2d(a, b, 4, stride, 1, bias=norm == 'instance'),
        norm_layer(b),
        nn.LeakyReLU(LEAK),
      ]
    self.model = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return self.model(x)
