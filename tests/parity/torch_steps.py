"""A training step of udacity and of cyclegan in PyTorch, as its source takes it, and its parts.

torch_pix2pix.py has that of pix2pix.

Networks go by the names of the JAX code: generators `rgb_to_ir` and `ir_to_rgb`, discriminators
`rgb` and `ir` (the domain that they judge). So do the terms: adversarial_ir is what the score of
a generated IR image says, cycle_rgb compares an RGB image with its way there and back.

Sources, cited as udacity (github.com/udacity/deep-learning-v2-pytorch, cycle-gan/), Zhu (arXiv
1703.10593), Isola (arXiv 1611.07004) and repository
(github.com/junyanz/pytorch-CycleGAN-and-pix2pix).
"""

from collections.abc import Mapping, Sequence
import random

import torch
from torch import nn
import torch.nn.functional as F

Networks = Mapping[str, nn.Module]
Optimizers = Mapping[str, torch.optim.Optimizer]
Images = Mapping[str, torch.Tensor]
Terms = dict[str, torch.Tensor]

GENERATORS = ('rgb_to_ir', 'ir_to_rgb')
DISCRIMINATORS = ('rgb', 'ir')
# A draw of the pool: the image at hand is used, and not stored.
FRESH = -1


def adam(*modules: nn.Module, learning_rate: float = 2e-4) -> torch.optim.Adam:
  """One Adam for the modules: 2e-4, 0.5, 0.999 in all three sources, eps PyTorch's 1e-8."""
  return torch.optim.Adam(
    [p for m in modules for p in m.parameters()], lr=learning_rate, betas=(0.5, 0.999), eps=1e-8
  )


def udacity_optimizers(nets: Networks, learning_rate: float = 2e-4) -> Optimizers:
  """Three (notebook): one for both generators, one for each discriminator."""
  groups = {'generators': [nets[n] for n in GENERATORS], **{n: [nets[n]] for n in DISCRIMINATORS}}
  return {name: adam(*group, learning_rate=learning_rate) for name, group in groups.items()}


def optimizers(nets: Networks, learning_rate: float = 2e-4) -> Optimizers:
  """Two (repository, cyclegan and pix2pix): generators, discriminators, of those in `nets`."""
  groups = {'generators': GENERATORS, 'discriminators': DISCRIMINATORS}
  return {
    name: adam(*[nets[n] for n in names if n in nets], learning_rate=learning_rate)
    for name, names in groups.items()
  }


def learning_rate_factor(epoch: int, constant: int = 100, decay: int = 100) -> float:
  """Zhu appendix 7.1, as repository's models/networks.py has it: constant, then linear.

  It fits torch.optim.lr_scheduler.LambdaLR, moved after each epoch. The repository's versions
  differ by one epoch: an early one had one more +1, the present train.py moves the scheduler before
  the first epoch too (issue 1100), so that every epoch has the next one's factor and the last
  has 0. Zhu's 100 constant epochs are these.

  Args:
    epoch: from 0.
    constant: epochs at factor 1.
    decay: epochs after them.
  """
  return 1 - max(0, epoch + 1 - constant) / (decay + 1)


def lsgan(scores: torch.Tensor, real: bool) -> torch.Tensor:
  """Mean squared distance of raw scores from 1 or 0 (Mao et al. 2017; udacity, Zhu section 4)."""
  return ((scores - float(real)) ** 2).mean()


def cross_entropy(scores: torch.Tensor, real: bool) -> torch.Tensor:
  """Mean binary cross entropy of logits against 1 or 0 (Isola section 3.3: -log D(x, G(x)))."""
  return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(real)))


class ImagePool:
  """The last generated images of a domain (Shrivastava et al. 2017; Zhu section 4, size 50).

  As repository's util/image_pool.py, but the draws are given. Size 0 is no pool.
  """

  def __init__(self, size: int = 50):
    self.size = size
    self.images: list[torch.Tensor] = []

  def query(self, images: torch.Tensor, draws: Sequence[int]) -> torch.Tensor:
    """What the discriminator is shown instead of the images, which are stored on the way.

    Args:
      images: [batch, channels, height, width].
      draws: for every image the place in the pool of the stored one that is shown and that it
        replaces, or FRESH. While the pool is not full, images are stored and shown, and their
        draws ignored. Images of a batch are handled one by one.
    """
    if not self.size:
      return images
    shown = []
    for image, draw in zip(images.detach(), draws, strict=True):
      if len(self.images) < self.size:
        self.images.append(image)
      elif draw != FRESH:
        self.images[draw], image = image, self.images[draw]
      shown.append(image)
    return torch.stack(shown)


def pool_draws(count: int, size: int, rng: random.Random) -> list[int]:
  """Draws as the repository's: with probability 0.5 a place, all alike, otherwise FRESH."""
  return [rng.randrange(size) if rng.random() > 0.5 else FRESH for _ in range(count)]


def udacity_step(
  nets: Networks,
  optims: Optimizers,
  batch: Images,
  *,
  cycle_weight: float = 10.0,
  identity_weight: float = 0.0,
  supervised_weight: float = 0.0,
  detach_fakes: bool = False,
) -> Terms:
  """The notebook's training_loop: D_X, D_Y, then both generators against the new D_X and D_Y.

  X is RGB and Y is IR. The fakes are generated anew for every update, which moves the running
  batch statistics each time; real and fake images pass a discriminator as separate batches. No
  factor 0.5. The identity and supervised terms are not the notebook's: weight 0 leaves them out.

  Args:
    nets: four networks in training mode.
    optims: from `udacity_optimizers`.
    batch: `rgb` and `ir`.
    cycle_weight: of the cycle terms.
    identity_weight: of |ir_to_rgb(rgb) - rgb| and its like.
    supervised_weight: of |rgb_to_ir(rgb) - ir| and its like; the batch has to be pairs.
    detach_fakes: stop the discriminators' gradients at the fakes. The notebook does not, and
      throws away what they leave in the generators; the update is the same, and cheaper.

  Returns:
    Detached scalars: unweighted means by kind and domain, and the two kinds that are minimized,
    `discriminator_rgb`, `discriminator_ir` and `generator`.
  """
  rgb, ir = batch['rgb'], batch['ir']
  terms = {}
  for domain, generator, source in (('rgb', 'ir_to_rgb', ir), ('ir', 'rgb_to_ir', rgb)):
    optims[domain].zero_grad()
    on_real = lsgan(nets[domain](batch[domain]), True)
    fake = nets[generator](source)
    on_fake = lsgan(nets[domain](fake.detach() if detach_fakes else fake), False)
    terms |= minimize_discriminator(domain, on_real, on_fake, 1.0)
    optims[domain].step()

  optims['generators'].zero_grad()
  fake_rgb = nets['ir_to_rgb'](ir)
  terms['adversarial_rgb'] = lsgan(nets['rgb'](fake_rgb), True)
  terms['cycle_ir'] = F.l1_loss(nets['rgb_to_ir'](fake_rgb), ir)
  fake_ir = nets['rgb_to_ir'](rgb)
  terms['adversarial_ir'] = lsgan(nets['ir'](fake_ir), True)
  terms['cycle_rgb'] = F.l1_loss(nets['ir_to_rgb'](fake_ir), rgb)
  if supervised_weight:
    terms['supervised_rgb'] = F.l1_loss(fake_rgb, rgb)
    terms['supervised_ir'] = F.l1_loss(fake_ir, ir)
  if identity_weight:
    terms['identity_rgb'] = F.l1_loss(nets['ir_to_rgb'](rgb), rgb)
    terms['identity_ir'] = F.l1_loss(nets['rgb_to_ir'](ir), ir)
  terms['generator'] = weighted(
    terms,
    adversarial=1.0,
    cycle=cycle_weight,
    identity=identity_weight,
    supervised=supervised_weight,
  )
  terms['generator'].backward()
  optims['generators'].step()
  return detached(terms)


def cyclegan_step(
  nets: Networks,
  optims: Optimizers,
  batch: Images,
  *,
  cycle_weight: float = 10.0,
  identity_weight: float = 5.0,
  supervised_weight: float = 0.0,
  pools: Mapping[str, ImagePool] | None = None,
  draws: Mapping[str, Sequence[int]] | None = None,
) -> Terms:
  """Repository, models/cycle_gan_model.py: the generators, then the discriminators.

  A is RGB and B is IR (its netD_A judges B: `ir` here). The fakes are generated once; the
  discriminators see those from before the generators' update, through the pools, and minimize
  0.5 * (real + fake) (Zhu appendix 7.1).

  Args:
    nets: four networks.
    optims: from `optimizers`.
    batch: `rgb` and `ir`.
    cycle_weight: of both cycle terms (Zhu section 4).
    identity_weight: of the identity terms; the repository's default is half the cycle weight.
      Where the domains' channels differ they are undefined: 0.
    supervised_weight: as in `udacity_step`, and no more the source's than there.
    pools: of `rgb` and `ir`; None for no pool.
    draws: for the pools, see `ImagePool.query`.

  Returns:
    As `udacity_step`.
  """
  rgb, ir = batch['rgb'], batch['ir']
  fake_ir = nets['rgb_to_ir'](rgb)
  cycled_rgb = nets['ir_to_rgb'](fake_ir)
  fake_rgb = nets['ir_to_rgb'](ir)
  cycled_ir = nets['rgb_to_ir'](fake_rgb)

  freeze(nets, True)
  optims['generators'].zero_grad()
  terms = {}
  if identity_weight:
    terms['identity_ir'] = F.l1_loss(nets['rgb_to_ir'](ir), ir)
    terms['identity_rgb'] = F.l1_loss(nets['ir_to_rgb'](rgb), rgb)
  terms['adversarial_ir'] = lsgan(nets['ir'](fake_ir), True)
  terms['adversarial_rgb'] = lsgan(nets['rgb'](fake_rgb), True)
  terms['cycle_rgb'] = F.l1_loss(cycled_rgb, rgb)
  terms['cycle_ir'] = F.l1_loss(cycled_ir, ir)
  if supervised_weight:
    terms['supervised_rgb'] = F.l1_loss(fake_rgb, rgb)
    terms['supervised_ir'] = F.l1_loss(fake_ir, ir)
  terms['generator'] = weighted(
    terms,
    adversarial=1.0,
    cycle=cycle_weight,
    identity=identity_weight,
    supervised=supervised_weight,
  )
  terms['generator'].backward()
  optims['generators'].step()

  freeze(nets, False)
  optims['discriminators'].zero_grad()
  for domain, fake in (('ir', fake_ir), ('rgb', fake_rgb)):
    shown = fake if pools is None else pools[domain].query(fake, draws[domain])
    on_real = lsgan(nets[domain](batch[domain]), True)
    on_fake = lsgan(nets[domain](shown.detach()), False)
    terms |= minimize_discriminator(domain, on_real, on_fake, 0.5)
  optims['discriminators'].step()
  return detached(terms)


def minimize_discriminator(
  domain: str, on_real: torch.Tensor, on_fake: torch.Tensor, factor: float
) -> Terms:
  """Leaves the gradients of factor * (real + fake) in the discriminator."""
  total = factor * (on_real + on_fake)
  total.backward()
  return {
    f'discriminator_{domain}_real': on_real,
    f'discriminator_{domain}_fake': on_fake,
    f'discriminator_{domain}': total,
  }


def weighted(terms: Terms, **weights: float) -> torch.Tensor:
  """The sum of the terms that there are, each kind with its weight."""
  return sum(
    weight * terms[f'{kind}_{domain}']
    for kind, weight in weights.items()
    for domain in DISCRIMINATORS
    if f'{kind}_{domain}' in terms
  )


def freeze(nets: Networks, frozen: bool) -> None:
  """While the generators are updated, no gradients of discriminator weights are computed."""
  for name in DISCRIMINATORS:
    if name in nets:
      nets[name].requires_grad_(not frozen)


def detached(terms: Terms) -> Terms:
  """The terms without their gradients."""
  return {name: term.detach() for name, term in terms.items()}
