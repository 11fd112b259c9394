"""Models and images that nobody has trained or taken."""

import jax
import numpy as np

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains, with_inputs
from cyclegan_jax.inference.model import Model
from cyclegan_jax.models import networks
from cyclegan_jax.models.apply import translators


def model(preset='udacity', ir_max=255.0, rgb_max=255.0, told=None, classes=(), **settings):
  """A narrow model that does something: one that is not trained gives nearly one value.

  `told` is the condition of its IR images; `classes` are those of the labels that it may see.
  """
  config = config_lib.make(
    preset,
    dataset='folder',
    source_dir='/home/someone/photos',
    **{
      **dict(base_width=4, discriminator_width=4, discriminator_layers=3, n_residual_blocks=2),
      **settings,
    },
  )
  plain = make_domains(config.data, {'rgb': rgb_max, 'ir': ir_max}, told)
  domains = with_inputs(plain, config.model, classes)
  params, stats = networks.initialize(config.model, domains, 0)
  rng = np.random.default_rng(0)
  params = jax.tree.map(
    lambda a: np.float32(
      rng.normal(0, (2 / np.prod(a.shape[:-1])) ** 0.5, a.shape)
      if a.ndim == 4
      else np.asarray(a) + rng.normal(0, 0.1, a.shape)
    ),
    params,
  )
  stats = jax.tree.map(
    lambda a: np.asarray(a) + rng.uniform(0, 0.5, a.shape).astype(np.float32), stats
  )
  nets = networks.build(config.model, domains)
  return Model(config, 7, domains, translators(nets, params, stats), 9)


def drawn():
  """A model whose weights are drawn without a compilation; it knows folders of its author."""
  config = config_lib.make(
    dataset='folder',
    source_dir='/home/someone/photos',
    options={'pair_table': '/home/someone/pairs.csv'},
    base_width=4,
    n_downsampling=1,
    n_residual_blocks=1,
  )
  domains, rng = make_domains(config.data), np.random.default_rng(0)
  shapes = networks.abstract(config.model, domains)
  params, stats = jax.tree.map(
    lambda leaf: rng.uniform(0, 0.3, leaf.shape).astype(np.float32), shapes
  )
  nets = networks.build(config.model, domains)
  return Model(config, 7, domains, translators(nets, params, stats), 9)


def picture(height, width, channels=3, dtype=np.uint8, seed=0):
  """Coarse and fine structure, [height, width, channels]."""
  rng = np.random.default_rng(seed)
  coarse = rng.integers(0, 200, (height // 8 + 1, width // 8 + 1, channels))
  image = coarse.repeat(8, 0).repeat(8, 1)[:height, :width]
  image = image + rng.integers(0, 56, image.shape)
  return (image * (np.iinfo(dtype).max // 255)).astype(dtype)
