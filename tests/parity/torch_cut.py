"""Networks and steps of CUT, FastCUT and DCLGAN in PyTorch, in our own words.

Sources, cited as Park (Park et al. 2020, arXiv 2007.15651, github.com/taesungp/
contrastive-unpaired-translation) and Han (Han et al. 2021, arXiv 2104.07689, github.com/JunlinHan/
DCLGAN). Names of networks and terms are those of torch_steps.py; beside them projection_rgb and
projection_ir, netF of the sources, for the encoder that takes RGB or IR images. Keys of the
state_dict are those of the sources, but for the fixed filters, which are left out.
"""

from collections.abc import Mapping, Sequence
import itertools

import torch
from torch import nn
import torch.nn.functional as F

from tests.parity import torch_networks, torch_steps

# Positions of patches, int64 [batch, patches] for each compared layer.
Places = Sequence[torch.Tensor]


def init_xavier(module: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
  """Park models/networks.py, init_weights: xavier_normal_ with gain 0.02, biases 0."""
  for m in module.modules():
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
      nn.init.xavier_normal_(m.weight, 0.02, generator=generator)
      if m.bias is not None:
        nn.init.zeros_(m.bias)
  return module


def _filter(weights: Sequence[float], x: torch.Tensor) -> torch.Tensor:
  """The outer product of weights for each channel by itself."""
  line = x.new_tensor(weights)
  return torch.outer(line, line).expand(x.shape[1], 1, -1, -1)


class Downsample(nn.Module):
  """Park models/networks.py, Downsample: [1, 2, 1] / 4 of stride 2 on a mirrored border of 1."""

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    x = F.pad(x, (1, 1, 1, 1), mode='reflect')
    return F.conv2d(x, _filter([0.25, 0.5, 0.25], x), stride=2, groups=x.shape[1])


class Upsample(nn.Module):
  """Park models/networks.py, Upsample: the transpose of [1, 3, 3, 1] / 4 on a repeated border."""

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    x = F.pad(x, (1, 1, 1, 1), mode='replicate')
    weights = _filter([0.25, 0.75, 0.75, 0.25], x)
    y = F.conv_transpose2d(x, weights, stride=2, padding=2, groups=x.shape[1])
    return y[:, :, 1:-1, 1:-1]


class ResnetGenerator(nn.Module):
  """Park's generator: Zhu's, with a filter after each of its convolutions that halved before.

  11,378,179 parameters from 3 to 3 channels with 9 blocks.
  """

  def __init__(
    self, in_channels: int, out_channels: int, *, width: int = 64, blocks: int = 9, depth: int = 2
  ):
    super().__init__()
    widths = [width * 2**i for i in range(depth + 1)]
    after = lambda channels: [nn.InstanceNorm2d(channels), nn.ReLU()]
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(in_channels, width, 7), *after(width)]
    # Park, --nce_layers: 0, 4, 8, 12, 16 of this Sequential, with 9 blocks.
    self.compared = [0]
    for a, b in itertools.pairwise(widths):
      self.compared.append(len(layers))
      layers += [nn.Conv2d(a, b, 3, 1, 1), *after(b), Downsample()]
    self.compared += sorted({len(layers), len(layers) + blocks // 2})
    layers += [torch_networks.ResnetBlock(widths[-1]) for _ in range(blocks)]
    for a, b in zip(widths[::-1], widths[-2::-1]):
      layers += [Upsample(), nn.Conv2d(a, b, 3, 1, 1), *after(b)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7), nn.Tanh()]
    self.model = nn.Sequential(*layers)

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return self.model(x)

  def encode(self, x: torch.Tensor) -> list[torch.Tensor]:
    """The outputs of the compared layers."""
    found = []
    for i, layer in enumerate(self.model[: self.compared[-1] + 1]):
      x = layer(x)
      if i in self.compared:
        found.append(x)
    return found


class PatchDiscriminator(nn.Module):
  """Park's PatchGAN: Zhu's, with a filter after each of its convolutions that halved before."""

  def __init__(self, in_channels: int, *, width: int = 64, depth: int = 3):
    super().__init__()
    widths = [width * min(2**i, 8) for i in range(depth + 1)]
    layers = [nn.Conv2d(in_channels, width, 4, 1, 1), nn.LeakyReLU(0.2), Downsample()]
    for i, (a, b) in enumerate(itertools.pairwise(widths), 1):
      layers += [nn.Conv2d(a, b, 4, 1, 1), nn.InstanceNorm2d(b), nn.LeakyReLU(0.2)]
      layers += [Downsample()] if i < depth else []
    self.model = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return self.model(x)


class PatchProjection(nn.Module):
  """Park models/networks.py, PatchSampleF with use_mlp: two dense layers each, then unit length."""

  def __init__(self, widths: Sequence[int], *, width: int = 256):
    super().__init__()
    for i, channels in enumerate(widths):
      mlp = nn.Sequential(nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, width))
      self.add_module(f'mlp_{i}', mlp)

  def forward(self, features: Sequence[torch.Tensor], places: Places) -> list[torch.Tensor]:
    found = []
    for i, (feature, place) in enumerate(zip(features, places, strict=True)):
      # [batch, positions, channels], then those drawn.
      flat = feature.flatten(2).transpose(1, 2)
      chosen = torch.stack([image[index] for image, index in zip(flat, place, strict=True)])
      y = self.get_submodule(f'mlp_{i}')(chosen)
      found.append(y / (y.pow(2).sum(-1, keepdim=True).sqrt() + 1e-7))
    return found


def contrast(queries: torch.Tensor, keys: torch.Tensor, temperature: float = 0.07) -> torch.Tensor:
  """Park models/patchnce.py: negatives from the same image, the diagonal nearly left out."""
  keys = keys.detach()
  positive = (queries * keys).sum(-1, keepdim=True)
  negative = torch.bmm(queries, keys.transpose(1, 2))
  same = torch.eye(keys.shape[1], dtype=torch.bool)
  logits = torch.cat([positive, negative.masked_fill(same, -10.0)], -1) / temperature
  logits = logits.flatten(0, 1)
  return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))


def patch_nce(
  nets: torch_steps.Networks,
  encoders: tuple[str, str],
  source: torch.Tensor,
  generated: torch.Tensor,
  places: Places,
  *,
  pixels: bool = True,
  mirrored: torch.Tensor | None = None,
) -> torch.Tensor:
  """The mean over layers of `contrast`.

  Args:
    nets: the networks.
    encoders: the generators whose encoders see the source and the generated images.
    source: gray or color images; gray ones are repeated.
    generated: likewise; those of them that are mirrored show their source mirrored.
    places: of the source's patches.
    pixels: whether the padded image itself is compared (Han leaves it out).
    mirrored: bool [batch].
  """
  channels = {name: nets[name].model[1].in_channels for name in encoders}
  keys, queries = (
    nets[name].encode(image.expand(-1, channels[name], -1, -1))[not pixels :]
    for name, image in zip(encoders, (source, generated))
  )
  if mirrored is not None:
    queries = [flip(feature, mirrored) for feature in queries]
  projections = [nets[f'projection_{name.split("_to_")[0]}'] for name in encoders]
  pairs = zip(projections[1](queries, places), projections[0](keys, places))
  return torch.stack([contrast(q, k) for q, k in pairs]).mean()


def flip(images: torch.Tensor, mirrored: torch.Tensor | None) -> torch.Tensor:
  """Mirrors some of the images."""
  if mirrored is None:
    return images
  return torch.where(mirrored[:, None, None, None], images.flip(-1), images)


def optimizers(nets: torch_steps.Networks, learning_rate: float = 2e-4) -> torch_steps.Optimizers:
  """Three: Park has one for the generator, one for its projection, one for the discriminator."""
  kinds = {
    'generators': torch_steps.GENERATORS,
    'projections': ('projection_rgb', 'projection_ir'),
    'discriminators': torch_steps.DISCRIMINATORS,
  }
  return {
    kind: torch_steps.adam(*[nets[n] for n in names if n in nets], learning_rate=learning_rate)
    for kind, names in kinds.items()
  }


def cut_step(
  nets: torch_steps.Networks,
  optims: torch_steps.Optimizers,
  batch: torch_steps.Images,
  *,
  places: Mapping[str, Places],
  nce_weight: float = 1.0,
  nce_identity: bool = True,
  mirrored: torch.Tensor | None = None,
) -> torch_steps.Terms:
  """Park models/cut_model.py: the discriminator, then generator and projection against it.

  Args:
    nets: `rgb_to_ir`, `projection_rgb` and `ir`.
    optims: from `optimizers`.
    batch: `rgb` and `ir`.
    places: of the patches for each NCE term.
    nce_weight: 1 for CUT, 10 for FastCUT.
    nce_identity: the term between IR images and what the generator makes of them (not FastCUT).
    mirrored: which images the generator sees mirrored, bool [batch] (FastCUT).

  Returns:
    As `torch_steps.pix2pix_step`.
  """
  rgb, ir = batch['rgb'], batch['ir']
  fake = nets['rgb_to_ir'](flip(rgb, mirrored))
  optims['discriminators'].zero_grad()
  on_fake = torch_steps.lsgan(nets['ir'](fake.detach()), False)
  on_real = torch_steps.lsgan(nets['ir'](ir), True)
  terms = {'discriminator_ir': 0.5 * (on_fake + on_real)}
  terms['discriminator_ir'].backward()
  optims['discriminators'].step()

  for name in ('generators', 'projections'):
    optims[name].zero_grad()
  terms['adversarial_ir'] = torch_steps.lsgan(nets['ir'](fake), True)
  compare = lambda name, source, generated: patch_nce(
    nets, ('rgb_to_ir',) * 2, source, generated, places[name], mirrored=mirrored
  )
  terms['nce_rgb'] = compare('nce_rgb', rgb, fake)
  nce = terms['nce_rgb']
  if nce_identity:
    same = nets['rgb_to_ir'](flip(ir, mirrored).expand_as(rgb))
    terms['nce_identity_ir'] = compare('nce_identity_ir', ir, same)
    nce = 0.5 * (nce + terms['nce_identity_ir'])
  terms['generator'] = terms['adversarial_ir'] + nce_weight * nce
  terms['generator'].backward()
  for name in ('generators', 'projections'):
    optims[name].step()
  return {name: term.detach() for name, term in terms.items()}


def dclgan_step(
  nets: torch_steps.Networks,
  optims: torch_steps.Optimizers,
  batch: torch_steps.Images,
  *,
  places: Mapping[str, Places],
  identity: bool = False,
) -> torch_steps.Terms:
  """Han models/dcl_model.py with lambda_NCE 2 and lambda_IDT 1: discriminators, then the others.

  Negatives come from the same image; the source's batch is one image. Its optimizer of the
  projections has PyTorch's default rates instead.
  """
  fakes = {'ir': nets['rgb_to_ir'](batch['rgb']), 'rgb': nets['ir_to_rgb'](batch['ir'])}
  optims['discriminators'].zero_grad()
  terms = {}
  for domain, fake in fakes.items():
    on_real = F.relu(1 - nets[domain](batch[domain])).mean()
    on_fake = F.relu(1 + nets[domain](fake.detach())).mean()
    terms[f'discriminator_{domain}'] = 0.5 * (on_real + on_fake)
    terms[f'discriminator_{domain}'].backward()
  optims['discriminators'].step()

  for name in ('generators', 'projections'):
    optims[name].zero_grad()
  total = 0
  for source, target in (('rgb', 'ir'), ('ir', 'rgb')):
    forward, backward = f'{source}_to_{target}', f'{target}_to_{source}'
    fake = fakes[target]
    terms[f'adversarial_{target}'] = -nets[target](fake).mean()
    name = f'nce_{source}'
    terms[name] = patch_nce(
      nets, (forward, backward), batch[source], fake, places[name], pixels=False
    )
    total = total + 0.5 * terms[f'adversarial_{target}'] + 0.5 * 2 * terms[name]
    if identity:
      same = nets[forward](batch[target])
      terms[f'identity_{target}'] = F.l1_loss(same, batch[target])
      total = total + 0.5 * terms[f'identity_{target}']
  terms['generator'] = total
  terms['generator'].backward()
  for name in ('generators', 'projections'):
    optims[name].step()
  return {name: term.detach() for name, term in terms.items()}
