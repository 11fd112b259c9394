"""A model card: what a trained model is, for whoever did not train it, as Markdown for a model hub.

reports/templates/model_card.md has the text. Its front matter is YAML as Hugging Face reads it.
What only a person can know, licenses above all, is marked FILL IN until it is given.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from cyclegan_jax import config as config_lib, normalization, provenance, radiometry
from cyclegan_jax.evaluation import results
from cyclegan_jax.inference.model import Model
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.models import networks
from cyclegan_jax.progress import duration
from cyclegan_jax.reports import evaluation_files, page
from cyclegan_jax.runs import published, reader, run_folder
from cyclegan_jax.runs.reader import Run
from cyclegan_jax.settings import as_flag, DataConfig

_HUB_METRICS = ('psnr', 'ssim', 'rmse')


@dataclasses.dataclass(frozen=True)
class Given:
  """The facts that only a person can know; empty is not known yet.

  `license` is as a model hub abbreviates it, such as apache-2.0. `author` answers for the model.
  """

  name: str
  author: str = ''
  license: str = ''
  data_source: str = ''
  data_license: str = ''
  hardware: str = ''

  def empty(self) -> list[str]:
    """Returns the names of what is not known yet."""
    return [name for name, value in dataclasses.asdict(self).items() if not value.strip()]


def text(
  model: Model, run: Run, given: Given, address: str = '', pictures: Sequence[str] = ()
) -> str:
  """Returns the card.

  Args:
    model: what it is about.
    run: the model's run, read with measurements, if there are any.
    given: what only a person knows.
    address: of the model on the Hugging Face Hub; '' if it is not there.
    pictures: paths of pictures from the card.
  """
  content = run.measurements.content if run.measurements else None
  figures = content[results.MODEL] if content else {}
  known = [name for name in _HUB_METRICS if figures.get(name) is not None]
  return page.text(
    'model_card.md',
    given=Given(*(' '.join(value.split()) for value in dataclasses.astuple(given))),
    model=model,
    config=published.without_places(model.config),
    parameters={
      name: networks.count_parameters(generator.params)
      for name, generator in model.translators.items()
    },
    band=_band(model.config.data),
    ir_range=radiometry.known(model.config.data.ir_range, model.config.data.ir_span),
    changed=[
      f'`{as_flag(name, new)}`'
      for name, (_, new) in config_lib.changed(published.without_places(run.config)).items()
    ],
    facts=run_folder.read_json(run.folder / run_folder.DATA),
    metrics=content,
    hub_metrics=[(name, METRICS[name].title, f'{figures[name]:.6g}') for name in known],
    verdict=results.verdict(content) if content else '',
    summary=evaluation_files.markdown(content) if content else '',
    elsewhere=_elsewhere(run, model.step),
    figures=results,
    cost=_cost(run),
    commit=provenance.commit(),
    versions=provenance.versions(),
    address=address,
    pictures=pictures,
  )


def _elsewhere(run: Run, step: int) -> list[tuple[str, Mapping[str, Any]]]:
  """The measurements of these weights on other data (--on): its name, and metrics.json."""
  found = []
  for folder in sorted((run.folder / run_folder.ON).glob(f'*/{run_folder.EVALUATION}/*')):
    measured = reader.measurements_in(folder)
    if measured and measured.content['checkpoint_step'] == step:
      found.append((folder.parents[1].name, measured.content))
  return found


def _band(data: DataConfig) -> str:
  """The IR wavelengths that generators see; '' if they see none."""
  if data.normalization != 'spectral_channels':
    return ''
  return f' (IR {normalization.format_band(normalization.parse_ir_band(data.ir_band))})'


def _cost(run: Run) -> str:
  """Time of the training steps by the rates in metrics.csv, in words; '' if it has none."""
  if 'images_per_second' not in run.training:
    return ''
  images = np.diff(run.training['step'], prepend=0) * run.config.train.batch_size
  rates = run.training['images_per_second']
  return duration(float(np.sum(images[rates > 0] / rates[rates > 0])))
