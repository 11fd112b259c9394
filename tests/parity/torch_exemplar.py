"""The generation module of JSIA-ReID in PyTorch, in our own words.

Wang et al. 2020, github.com/wangguanan/JSIA-ReID: the encoders of styles, adaptive norms, decoders,
and the weights of losses are theirs; the encoder of contents is like MUNIT's. Networks are named as
in the JAX code. Images are [batch, channels, height, width] in [-1, 1].
"""

from collections.abc import Mapping
import itertools

import torch
from torch import nn
import torch.nn.functional as F

from tests.parity.torch_steps import detached, Images, lsgan, Optimizers, Terms

_LUMINANCE = (0.299, 0.587, 0.114)
_BLOCKS = 2


def _conv(a: int, b: int, kernel: int) -> nn.Conv2d:
  return nn.Conv2d(a, b, kernel, padding=kernel // 2, padding_mode='reflect')


class Block(nn.Module):
  """x + norm(conv(relu(norm(conv(x))))), the norms with given shifts and scales, or without."""

  def __init__(self, channels: int):
    super().__init__()
    self.conv1, self.conv2 = _conv(channels, channels, 3), _conv(channels, channels, 3)

  def forward(self, x: torch.Tensor, given: torch.Tensor | None = None) -> torch.Tensor:
    """`given` are [batch, 2 norms, shift and scale, channels]."""

    def norm(y: torch.Tensor, i: int) -> torch.Tensor:
      y = F.instance_norm(y)
      if given is None:
        return y
      shift, scale = (given[:, i, j, :, None, None] for j in (0, 1))
      return scale * y + shift

    return x + norm(self.conv2(F.relu(norm(self.conv1(x), 0))), 1)


class ContentEncoder(nn.Module):
  def __init__(self, width: int, depth: int, blocks: int):
    super().__init__()
    widths = [width * 2**i for i in range(depth + 1)]
    self.first = _conv(1, width, 7)
    self.down = nn.ModuleList([nn.Conv2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(widths)])
    self.blocks = nn.ModuleList([Block(widths[-1]) for _ in range(blocks)])

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] == 3:
      x = torch.einsum('nchw,c->nhw', x, torch.tensor(_LUMINANCE, dtype=x.dtype))[:, None]
    x = F.relu(F.instance_norm(self.first(x)))
    for conv in self.down:
      x = F.relu(F.instance_norm(conv(x)))
    for block in self.blocks:
      x = block(x)
    return x


class StyleEncoder(nn.Module):
  def __init__(self, channels: int, width: int):
    super().__init__()
    widths = [width // 2 * n for n in (1, 2, 4, 4, 4)]
    self.first = _conv(channels, widths[0], 7)
    self.down = nn.ModuleList(
      [nn.Conv2d(a, b, 4, 2, 1, padding_mode='reflect') for a, b in itertools.pairwise(widths)]
    )
    self.last = nn.Conv2d(widths[-1], 2 * width, 1)

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    x = F.relu(self.first(x))
    for conv in self.down:
      x = F.relu(conv(x))
    return self.last(F.adaptive_avg_pool2d(x, 1)).flatten(1)


class ImageNorm(nn.Module):
  def __init__(self, channels: int):
    super().__init__()
    self.scale = nn.Parameter(torch.ones(channels))
    self.bias = nn.Parameter(torch.zeros(channels))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return F.group_norm(x, 1, self.scale, self.bias)


class Affine(nn.Module):
  def __init__(self, size: int, channels: int):
    super().__init__()
    widths = [size, channels, channels, 2 * _BLOCKS * 2 * channels]
    self.dense = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in itertools.pairwise(widths)])

  def forward(self, style: torch.Tensor) -> torch.Tensor:
    x = style[:, :, None, None]
    x = self.dense[2](F.relu(self.dense[1](F.relu(self.dense[0](x)))))
    return x.view(len(x), _BLOCKS, 2, 2, -1)


class Decoder(nn.Module):
  def __init__(self, channels: int, width: int, depth: int):
    super().__init__()
    widths = [width * 2**i for i in range(depth, -1, -1)]
    self.affine = Affine(2 * width, widths[0])
    self.blocks = nn.ModuleList([Block(widths[0]) for _ in range(_BLOCKS)])
    pairs = list(itertools.pairwise(widths))
    # The layer within is that of an enlargement in the JAX code.
    self.up = nn.ModuleList([nn.ModuleDict({'conv': _conv(a, b, 5)}) for a, b in pairs])
    self.up_norms = nn.ModuleList([ImageNorm(b) for _, b in pairs])
    self.last = _conv(width, channels, 7)

  def forward(self, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    x, given = content, self.affine(style)
    for i, block in enumerate(self.blocks):
      x = block(x, given[:, i])
    for up, norm in zip(self.up, self.up_norms):
      x = F.relu(norm(up['conv'](F.interpolate(x, scale_factor=2))))
    return torch.tanh(self.last(x))


class Generator(nn.Module):
  def __init__(self, channels: Mapping[str, int], *, width: int, depth: int, blocks: int):
    super().__init__()
    self.content = ContentEncoder(width, depth, blocks)
    for name, n in channels.items():
      self.add_module(f'style_{name}', StyleEncoder(n, width))
      self.add_module(f'decoder_{name}', Decoder(n, width, depth))

  def style(self, name: str, x: torch.Tensor) -> torch.Tensor:
    return self.get_submodule(f'style_{name}')(x)

  def decode(self, name: str, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    return self.get_submodule(f'decoder_{name}')(content, style)


def step(
  net: Generator, judges: Mapping[str, nn.Module], optims: Optimizers, images: Images, paired: float
) -> Terms:
  """Discriminators first, then the rest against the new ones.

  `optims` are those of 'generators' and 'discriminators'; `paired` is the weight of the L1 term
  between true and generated images.
  """
  other = {'rgb': 'ir', 'ir': 'rgb'}
  contents = {name: net.content(x) for name, x in images.items()}
  styles = {name: net.style(name, x) for name, x in images.items()}
  fakes = {name: net.decode(name, contents[other[name]], styles[name]) for name in images}
  judge = lambda name, x, real: sum(lsgan(scores, real) for scores, _ in judges[name](x))
  terms = {
    f'discriminator_{name}': judge(name, x, True) + judge(name, fakes[name].detach(), False)
    for name, x in images.items()
  }
  optims['discriminators'].zero_grad()
  sum(terms.values()).backward()
  optims['discriminators'].step()

  total = 0.0
  code_gradients = {p: torch.zeros_like(p) for p in net.parameters()}
  for name, x in images.items():
    own, theirs = styles[name], fakes[other[name]]
    terms[f'adversarial_{name}'] = judge(name, fakes[name], True)
    terms[f'reconstruction_{name}'] = F.l1_loss(net.decode(name, contents[name], own), x)
    terms[f'cycle_{name}'] = F.l1_loss(net.decode(name, net.content(theirs), own), x)
    terms[f'supervised_{name}'] = F.l1_loss(fakes[name], x)
    total = total + terms[f'adversarial_{name}'] + paired * terms[f'supervised_{name}']
    total = total + 10 * terms[f'reconstruction_{name}'] + 10 * terms[f'cycle_{name}']
    # Codes: contents are given, and what encodes them stays as it is.
    content, style = contents[other[name]].detach(), net.style(name, x)
    fake = net.decode(name, content, style)
    of_content = F.l1_loss(net.content(fake), content)
    of_style = F.l1_loss(net.style(name, fake), style.detach())
    terms[f'content_{other[name]}'], terms[f'style_{name}'] = of_content, of_style
    moved = [p for key, p in net.named_parameters() if not key.startswith('content.')]
    found = torch.autograd.grad(of_content + of_style, moved, allow_unused=True)
    for p, gradient in zip(moved, found, strict=True):
      code_gradients[p] += 0 if gradient is None else gradient
  optims['generators'].zero_grad()
  total.backward()
  for p, gradient in code_gradients.items():
    p.grad += gradient
  optims['generators'].step()
  codes = sum(terms[f'{kind}_{name}'] for kind in ('content', 'style') for name in images)
  return detached({**terms, 'generator': total + codes})
