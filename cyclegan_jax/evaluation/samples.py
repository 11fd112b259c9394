"""Pictures of what the generators do: rows of examples, columns of real and generated images."""

import functools
from typing import Any, Callable, Mapping

import jax
import numpy as np

from cyclegan_jax import emsn
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, Domain
from cyclegan_jax.evaluation import figures
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config

Translator = Callable[[np.ndarray], jax.Array]


@functools.partial(jax.jit, static_argnums=0)
def translate(net: networks.Network, params: Any, batch_stats: Any, x: jax.Array) -> jax.Array:
  """A generator in evaluation mode: network values in and out, [batch, height, width, c]."""
  return net(params, batch_stats, x, training=False)[0]


def translators(nets: Mapping[str, networks.Network], params: Mapping[str, Any],
                batch_stats: Mapping[str, Any]) -> dict[str, Translator]:
  """The generators, each with its arrays, by name."""
  return {name: functools.partial(translate, nets[name], params[name], batch_stats[name])
          for name in nets if '_to_' in name}


def predictor(rgb_to_ir: Translator, ir: Domain) -> Predictor:
  """A generator as a predictor of IR pixel values, to be measured beside the baselines."""
  return lambda batch: ir.normalisation.inverse(np.asarray(rgb_to_ir(batch['rgb'])))


def grid(both: Mapping[str, Translator], dataset: Dataset, config: Config) -> np.ndarray:
  """Some validation examples (training ones if there are none), one a row.

  Columns: RGB, generated IR, RGB regained from it; IR, generated RGB, IR regained from it; or, of
  a method with one generator, RGB, generated IR, IR. The same examples each time, spread evenly
  over the split.

  Returns:
    uint8 [height, width, 3].
  """
  split = next(name for name in ('validation', 'train')
               if name in dataset.splits and len(dataset.splits[name]))
  n = min(config.train.n_samples, len(dataset.splits[split]))
  real = {}
  for name, domain in dataset.domains.items():
    data = pipeline.domain_images(dataset, split, name, config.data)
    chosen = np.linspace(0, len(data) - 1, n).round().astype(int)
    real[name] = np.stack([data[i][name] for i in chosen])
  fake_ir = both['rgb_to_ir'](real['rgb'])
  columns = {'RGB': ('rgb', real['rgb']), 'IR, generated': ('ir', fake_ir)}
  if 'ir_to_rgb' in both:
    columns['RGB, cycled'] = ('rgb', both['ir_to_rgb'](fake_ir))
  columns['IR'] = ('ir', real['ir'])
  if 'ir_to_rgb' in both:
    fake_rgb = both['ir_to_rgb'](real['ir'])
    columns |= {'RGB, generated': ('rgb', fake_rgb),
                'IR, cycled': ('ir', both['rgb_to_ir'](fake_rgb))}
  pixels = [emsn.to_pixels(dataset.domains[name].normalisation, x) for name, x in columns.values()]
  return figures.grid([list(row) for row in zip(*pixels)], titles=list(columns))
