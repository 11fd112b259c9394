"""Rows that pass the networks together: the passes, and the losses of both groups of networks."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.arrays import Features
from cyclegan_jax.data import condition
from cyclegan_jax.models import discriminators, layers, networks
from cyclegan_jax.models.network import Network, with_condition
from cyclegan_jax.models.two_stage import BASE
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import bases, class_balance, diff_augment, losses, patch_nce, rng

# Arrays by name: a batch's images, masks and conditions, or images by domain. Bases, where there
# are two stages, are images of a domain of their own.
Images = Mapping[str, jax.Array]
# Parameters or batch statistics by network, nested dicts.
Tree = Any
Terms = dict[str, jax.Array]

BLACK = -1.0


@dataclasses.dataclass(frozen=True)
class Microbatch:
  """Rows that pass the networks together, number `index` of the device, `step` steps done.

  An index of None means all rows of the device.
  """

  nets: Mapping[str, Network]
  config: Config
  step: jax.Array
  images: Images
  index: jax.Array | int | None

  def directions(self) -> list[tuple[str, str, str]]:
    """Generator, source and target, in udacity's order, which the running statistics show."""
    ways = [('ir_to_rgb', 'ir', 'rgb'), ('rgb_to_ir', 'rgb', 'ir')]
    return [way for way in ways if way[0] in networks.generators(self.config.model)]

  def made(self, target: str) -> tuple[str, ...]:
    """What a generator of images of a domain makes, in order: of two stages, bases first."""
    return (BASE, target) if BASE in self.images else (target,)

  def generate(self, params: Tree, stats: Tree) -> tuple[Images, Tree]:
    """The fakes by domain, and the statistics that the pass moves."""
    fakes = {}
    for name, source, target in self.directions():
      fake, stats = self._apply(name, params, stats, self._mirror(self.images[source]))
      parts = fake if BASE in self.images else (fake,)
      fakes |= {made: self._mirror(part) for made, part in zip(self.made(target), parts)}
    return fakes, stats

  def generator_loss(
    self, params: Tree, fakes: Images, others: Tree, before: Tree, passed: Tree
  ) -> tuple[jax.Array, tuple[Tree, Terms]]:
    """The weighted sum of all generator terms; the statistics after it, and the terms.

    Args:
      params: Of the generators and their projection networks.
      fakes: From `generate`.
      others: Parameters that hold those of the discriminators.
      before: Statistics before `generate`, current for the discriminators.
      passed: Statistics after it, current for the generators.
    """
    loss, params = self.config.loss, {**others, **params}
    stats, weighted = {**before, **{name: passed[name] for name, *_ in self.directions()}}, {}
    for name, source, target in self.directions():
      if self.config.train.redraw_fakes:
        again = layers.move_statistics_again(stats[name], before[name], passed[name])
        stats = {**stats, name: again}
      for made in self.made(target) if self.config.model.discriminator != 'none' else ():
        terms, stats = self._adversarial(made, source, fakes[made], params, stats)
        weighted |= terms
      if loss.cycle_weight:
        back = f'{target}_to_{source}'
        cycled, stats = self._apply(back, params, stats, fakes[target], rng.CYCLE)
        weighted[f'cycle_{source}'] = loss.cycle_weight, self._compare(losses.l1, source, cycled)
      if loss.nce_weight:
        weight = loss.nce_weight / (2 if loss.nce_identity else 1)
        patches = self._patch_nce(params, stats, source, target, fakes[target], rng.FAKE)
        weighted[f'nce_{source}'] = weight, patches
    for name, _, target in self.directions():
      if loss.identity_weight or loss.nce_identity:
        seen = self._mirror(self.images[target])
        same, stats = self._apply(name, params, stats, seen, rng.IDENTITY)
        same = self._mirror(same)
        if loss.identity_weight:
          l1 = self._compare(losses.l1, target, same)
          weighted[f'identity_{target}'] = loss.identity_weight, l1
        if loss.nce_identity:
          patches = self._patch_nce(params, stats, target, target, same, rng.IDENTITY)
          weighted[f'nce_identity_{target}'] = loss.nce_weight / 2, patches
      balanced = losses.supervised(loss, self.images.get(class_balance.WEIGHTS))
      for kind, (weight, distance) in balanced.items():
        # Bases have no details.
        for made in self.made(target) if kind == 'supervised' else (target,):
          weighted[f'{kind}_{made}'] = weight, self._compare(distance, made, fakes[made])
    if loss.thermal_weight:
      apart = bases.thermal_l1(fakes[BASE], self.images, self.config)
      weighted[f'thermal_{BASE}'] = loss.thermal_weight, apart
    total, terms = losses.total(weighted)
    return total, (stats, {**terms, 'generator': total})

  def discriminator_loss(
    self, params: Tree, inputs: Images, stats: Tree
  ) -> tuple[jax.Array, tuple[Tree, Terms]]:
    """The sum of all discriminator terms, the statistics after it, and the terms.

    `inputs` is what the discriminators see of fakes; real images have a pass of their own.
    """
    loss, weighted = self.config.loss, {}
    # The sources' orders, which the running statistics show.
    order = (True, False) if self.config.model.method == 'cyclegan' else (False, True)
    for domain in networks.discriminators(self.config.model):
      real = self.discriminator_input(domain, self.images[domain], domain)
      seen, judged = {True: real, False: inputs[domain]}, jnp.float32(0)
      for is_real in order:
        verdict, stats = self._judge(domain, params, stats, seen[is_real], int(is_real))
        judged += losses.discriminator(loss.adversarial_loss, verdict.scores, is_real)
      # Logged with its weight.
      weighted[f'discriminator_{domain}'] = 1.0, loss.discriminator_weight * judged
      if loss.r1_weight:
        penalty = self._gradient_penalty(domain, params, stats, real)
        weighted[f'r1_{domain}'] = loss.r1_weight, penalty
    total, terms = losses.total(weighted)
    return total, (stats, terms)

  def discriminator_input(self, domain: str, image: jax.Array, source: str) -> jax.Array:
    """The input for an image that is, or was made from, this batch's `source` image."""
    mask = self.images.get(f'{source}_mask')
    image = image if mask is None else jnp.where(mask, image, BLACK)
    if BASE in self.images and domain != BASE:
      # Contrasts, beside the true base that they are to fit.
      image = jnp.concatenate([self.images[BASE], image - self.images[BASE]], axis=-1)
    if self.config.model.method == 'pix2pix':
      image = jnp.concatenate([self.images[self.config.model.source], image], axis=-1)
    if (told := self._told(domain)) is not None:
      image = with_condition(image, told, self.nets[domain].label_planes)
    return image if source == domain else self._mirror(image)

  def _adversarial(
    self, domain: str, source: str, fake: jax.Array, params: Tree, stats: Tree
  ) -> tuple[dict[str, tuple[float, jax.Array]], Tree]:
    """What a discriminator says of fakes: terms with their weights, and the statistics after it."""
    loss = self.config.loss
    shown = self.discriminator_input(domain, fake, source)
    verdict, stats = self._judge(domain, params, stats, shown, rng.GENERATED)
    fooled = losses.generator(loss.adversarial_loss, verdict.scores)
    weighted = {f'adversarial_{domain}': (loss.adversarial_weight, fooled)}
    if loss.feature_matching_weight:
      real = self.discriminator_input(domain, self.images[domain], domain)
      # Augmented and mirrored alike.
      real = self._mirror(real)
      true, stats = self._judge(domain, params, stats, real, rng.GENERATED)
      matched = losses.feature_matching(true.features, verdict.features)
      weighted[f'feature_matching_{domain}'] = loss.feature_matching_weight, matched
    return weighted, stats

  def _gradient_penalty(self, domain: str, params: Tree, stats: Tree, real: jax.Array) -> jax.Array:
    """Half the squared gradient of real images' scores (R1, Mescheder et al. 2018).

    It is computed in every r1_every-th step, then r1_every times as large, so that its mean over
    steps stays the same.
    """

    def score(x: jax.Array) -> jax.Array:
      verdict, _ = self._judge(domain, params, stats, x, rng.REAL)
      return jnp.asarray(sum(jnp.sum(jnp.mean(s, (1, 2, 3))) for s in verdict.scores))

    def penalty() -> jax.Array:
      return jnp.mean(jnp.sum(jax.grad(score)(real) ** 2, (1, 2, 3))) / 2

    every = self.config.loss.r1_every
    none = lambda: jnp.zeros((), real.dtype)
    return lax.cond(self.step % every == 0, lambda: every * penalty(), none)

  def _judge(
    self, domain: str, params: Tree, stats: Tree, x: jax.Array, shown: int
  ) -> tuple[discriminators.Verdict, Tree]:
    """Shows images to a discriminator, augmented if the run says so; see `rng.REAL`."""
    kinds = self.config.train.diff_augment
    if kinds != 'none':
      rows = rng.places(self.config, x.shape[0], self.index)
      keys = rng.augmentation(self.config, self.step, rows, domain, shown)
      # What it is told of the whole image stays true everywhere.
      n = x.shape[-1] - self._constants(domain)
      changed = diff_augment.augment(x[..., :n], keys, kinds.split('+'))
      x = jnp.concatenate([changed, x[..., n:]], axis=-1)
    return self._apply(domain, params, stats, x)

  def _apply(
    self, name: str, params: Tree, stats: Tree, x: jax.Array, generator_pass: int = rng.FAKE
  ) -> tuple[Any, Tree]:
    """Applies a network in training mode; returns its output and all statistics after it."""
    net, keys = self.nets[name], None
    if generator_pass == rng.IDENTITY:
      net, x = self._seeing_target(name, x)
    if self.config.model.dropout and name in networks.generators(self.config.model):
      rows = rng.places(self.config, x.shape[0], self.index)
      keys = rng.dropout(self.config, self.step, rows, generator_pass)
    told = base = None
    if '_to_' in name:
      told, base = self._told(self.made(name.split('_to_')[1])[0]), self.images.get(BASE)
    apply = lambda params, stats, x: net(
      params, stats, x, training=True, keys=keys, condition=told, true_base=base
    )
    if self.config.train.remat:
      apply = jax.checkpoint(apply)
    y, moved = apply(params[name], stats[name], x)
    return y, {**stats, name: lax.stop_gradient(moved)}

  def _compare(self, distance: losses.Distance, domain: str, image: jax.Array) -> jax.Array:
    """A distance between this batch's image of a domain and another one."""
    return distance(self.images[domain], image, self.images.get(f'{domain}_mask'))

  def _patch_nce(
    self,
    params: Tree,
    stats: Tree,
    source: str,
    target: str,
    generated: jax.Array,
    generator_pass: int,
  ) -> jax.Array:
    """PatchNCE between this batch's `source` images and `target` ones generated from them."""
    loss, rows = self.config.loss, rng.places(self.config, generated.shape[0], self.index)
    # Only the generated images are moved.
    fixed = lax.stop_gradient(params)
    true, project_true = self._encode(source, fixed, stats, self.images[source])
    fake, project_fake = self._encode(target, params, stats, self._mirror(generated))
    return patch_nce.loss(
      true,
      tuple(self._mirror(feature) for feature in fake),
      (project_true, project_fake),
      rng.patches(self.config, self.step, rows, source, generator_pass),
      patches=loss.nce_patches,
      temperature=loss.nce_temperature,
      mask=self.images.get(f'{source}_mask'),
    )

  def _encode(
    self, domain: str, params: Tree, stats: Tree, image: jax.Array
  ) -> tuple[Features, patch_nce.Project]:
    """What the encoder of a domain makes of an image of it, and the projection of that."""
    names = networks.generators(self.config.model)
    # Where there is one generator, its encoder sees images of both domains.
    name = next((name for name in names if name.startswith(f'{domain}_to_')), names[0])
    net = self.nets[name]
    if not name.startswith(domain):
      net, image = self._seeing_target(name, image)
    encode = jax.checkpoint(net.encode) if self.config.train.remat else net.encode
    projection = networks.projection(name)
    project = functools.partial(
      self.nets[projection], params[projection], stats[projection], training=True
    )
    return encode(params[name], stats[name], image, self._told(name.split('_to_')[1])), project

  def _seeing_target(self, name: str, image: jax.Array) -> tuple[Network, jax.Array]:
    """A generator, and an image of its target as it can see it: with its source's channels."""
    net, channels = self.nets[name], self.images[name.split('_to_')[0]].shape[-1]
    image = jnp.broadcast_to(image, (*image.shape[:-1], channels))
    return dataclasses.replace(net, constants=net.target_constants), image

  def _constants(self, domain: str) -> int:
    """How many constant channels are the last of what a discriminator sees."""
    told, planes = self._told(domain), self.nets[domain].label_planes
    return 0 if told is None else told.shape[-1] - (planes[1] if planes else 0)

  def _told(self, domain: str) -> jax.Array | None:
    """The conditions of this batch's images of a domain, [rows, size]; None if it has none.

    Of two stages only the first has any.
    """
    return self.images.get(condition.KEY) if domain == self.made('ir')[0] else None

  def _mirror(self, x: jax.Array) -> jax.Array:
    """Mirrors those rows that networks see mirrored; twice is not at all."""
    if not self.config.loss.flip_equivariance:
      return x
    rows = rng.places(self.config, x.shape[0], self.index)
    mirrored = rng.mirrored(self.config, self.step, rows)[:, None, None, None]
    return jnp.where(mirrored, jnp.flip(x, 2), x)
