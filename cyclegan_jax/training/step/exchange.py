"""The losses of --method=exemplar: contents and styles of images, exchanged between the domains.

The networks are in models/exemplar.py; discriminators are trained as those of other methods. An IR
image is made of the content of an RGB image and the style of the IR image in the same row, which
shows the same place at the same moment (data/sequences.py); an RGB image the other way round.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.models import exemplar
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import class_balance, losses
from cyclegan_jax.training.step.microbatch import BLACK, Images, Microbatch, Terms, Tree

# The network of all encoders and decoders.
_ALL = 'rgb_to_ir'
_DOMAINS = ('rgb', 'ir')
# Its parameters and its statistics.
_Arrays = tuple[Any, Any]


def kind(config: Config) -> type[Microbatch]:
  """Returns the class of a run's microbatches."""
  return Exchange if config.model.method == 'exemplar' else Microbatch


def check(config: Config, dataset: Dataset) -> None:
  """Raises UserError if an RGB image has no IR image to exchange styles with."""
  if config.model.method == 'exemplar' and not config.data.paired:
    _ = pipeline.get_split(dataset, 'train').partners


@dataclasses.dataclass(frozen=True)
class Exchange(Microbatch):
  """See `Microbatch`."""

  def directions(self) -> list[tuple[str, str, str]]:
    """As `Microbatch.directions`; one network makes images of both domains."""
    return [('ir_to_rgb', 'ir', 'rgb'), ('rgb_to_ir', 'rgb', 'ir')]

  def generate(self, params: Tree, stats: Tree) -> tuple[Images, Tree]:
    """The fakes by domain, and the statistics that the pass moves.

    With the fakes come the codes that they are made of, and images made of their own codes, so that
    a gradient passes the encoders once: `content_rgb`, `style_rgb`, `same_rgb`, and so on.
    """
    arrays = params[_ALL], stats[_ALL]
    found = self._contents(arrays, self.images)
    for domain in _DOMAINS:
      found[f'style_{domain}'] = self._style(arrays, domain, self.images[domain], domain)
    for _, source, target in self.directions():
      # A fake, and the image again: of both contents, in the style of the image.
      contents = jnp.concatenate([found[f'content_{source}'], found[f'content_{target}']])
      styles = jnp.concatenate([found[f'style_{target}']] * 2)
      made = self._decode(arrays, target, contents, styles)
      found[target], found[f'same_{target}'] = jnp.split(made, 2)
    module = self.nets[_ALL].module(*arrays)
    module.remember(found['style_ir'])
    moved = lax.stop_gradient(nnx.to_pure_dict(nnx.state(module, nnx.BatchStat)))
    return found, {**stats, _ALL: moved}

  def generator_loss(
    self, params: Tree, fakes: Images, others: Tree, before: Tree, passed: Tree
  ) -> tuple[jax.Array, tuple[Tree, Terms]]:
    """As `Microbatch.generator_loss`; `fakes` holds all that `generate` returns."""
    loss, params = self.config.loss, {**others, **params}
    stats: Tree = {**before, _ALL: passed[_ALL]}
    arrays = params[_ALL], stats[_ALL]
    weighted: dict[str, tuple[float, jax.Array]] = {}
    # Two fakes pass the encoder at once.
    again = self._contents(arrays, fakes) if loss.cycle_weight else {}
    for _, source, target in self.directions():
      if self.config.model.discriminator != 'none':
        terms, stats = self._adversarial(target, source, fakes[target], params, stats)
        weighted |= terms
      if loss.reconstruction_weight:
        l1 = self._compare(losses.l1, source, fakes[f'same_{source}'])
        weighted[f'reconstruction_{source}'] = loss.reconstruction_weight, l1
      if loss.cycle_weight:
        codes = again[f'content_{target}'], fakes[f'style_{source}']
        cycled = self._decode(arrays, source, *codes)
        l1 = self._compare(losses.l1, source, cycled)
        weighted[f'cycle_{source}'] = loss.cycle_weight, l1
      balanced = losses.supervised(loss, self.images.get(class_balance.WEIGHTS))
      for name, (weight, distance) in balanced.items():
        weighted[f'{name}_{target}'] = weight, self._compare(distance, target, fakes[target])
    if loss.code_weight:
      for name, apart in self._codes_apart(arrays, fakes).items():
        weighted[name] = loss.code_weight, apart
    total, terms = losses.total(weighted)
    return total, (stats, {**terms, 'generator': total})

  def _codes_apart(self, arrays: _Arrays, codes: Images) -> Terms:
    """The differences of fakes' codes from those that they were made of.

    None moves the encoder of contents: it counts as given, and so do its contents.
    """
    params, stats = arrays
    fixed = {**params, 'content': lax.stop_gradient(params['content'])}, stats
    fakes, apart = {}, {}
    for _, source, target in self.directions():
      content, style = lax.stop_gradient(codes[f'content_{source}']), codes[f'style_{target}']
      # The fake again; a compiler computes it once.
      fakes[target] = self._decode(fixed, target, content, style)
      found = self._style(fixed, target, fakes[target], source)
      apart[f'style_{target}'] = jnp.mean(jnp.abs(found - lax.stop_gradient(style)))
    again = self._contents(fixed, fakes)
    for _, source, target in self.directions():
      content = lax.stop_gradient(codes[f'content_{source}'])
      mask = self._mask_of_content(source, content.shape[1])
      apart[f'content_{source}'] = losses.l1(content, again[f'content_{target}'], mask)
    return apart

  def _contents(self, arrays: _Arrays, images: Images) -> dict[str, jax.Array]:
    """The contents of images of both domains."""
    gray = jnp.concatenate([exemplar.gray(images[domain]) for domain in _DOMAINS])
    both = self._run(arrays, lambda module, x: module.content(x), gray)
    return {f'content_{name}': part for name, part in zip(_DOMAINS, jnp.split(both, 2))}

  def _style(self, arrays: _Arrays, domain: str, image: jax.Array, source: str) -> jax.Array:
    """The style of an image of a domain that is, or was made from, this batch's `source` image."""
    mask = self.images.get(f'{source}_mask')
    image = image if mask is None else jnp.where(mask, image, BLACK)
    return self._run(arrays, lambda module, x: getattr(module, f'style_{domain}')(x), image)

  def _decode(
    self, arrays: _Arrays, domain: str, content: jax.Array, style: jax.Array
  ) -> jax.Array:
    decode = lambda module, *codes: getattr(module, f'decoder_{domain}')(*codes)
    return self._run(arrays, decode, content, style)

  def _run(self, arrays: _Arrays, call: Callable[..., Any], *inputs: jax.Array) -> Any:
    """Applies a part of the network."""
    apply = lambda arrays, *inputs: call(self.nets[_ALL].module(*arrays), *inputs)
    return (jax.checkpoint(apply) if self.config.train.remat else apply)(arrays, *inputs)

  def _mask_of_content(self, domain: str, height: int) -> jax.Array | None:
    """Where all pixels of a content count, bool [rows, height, width, 1]; None for everywhere."""
    mask = self.images.get(f'{domain}_mask')
    if mask is None:
      return None
    rows, whole, width, _ = mask.shape
    stride = whole // height
    squares = mask.reshape(rows, height, stride, width // stride, stride, 1)
    return jnp.all(squares, axis=(2, 4))
