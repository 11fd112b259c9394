"""One measurement of a run: of a checkpoint, on a split of its own or of other data."""

import dataclasses
import pathlib
from typing import Any, TYPE_CHECKING

from cyclegan_jax.progress import Log
from cyclegan_jax.settings import DataConfig

if TYPE_CHECKING:
  from cyclegan_jax.data.source import Dataset
  from cyclegan_jax.inference.model import Model
  from cyclegan_jax.metrics.perceptual import Perceptual


@dataclasses.dataclass(frozen=True)
class Asked:
  """What to measure.

  Attributes:
    workdir: the run folder.
    data: settings of the data.
    split: 'train', 'validation' or 'test'.
    checkpoint: 'best', 'latest' or a step.
    other: whether the data are others than the run's.
    gallery: about how many images the page shows; None: all.
  """

  workdir: pathlib.Path
  data: DataConfig
  split: str = 'test'
  checkpoint: str = 'best'
  other: bool = False
  gallery: int | None = 24

  def open(self, model: 'Model') -> 'Dataset':
    """Opens the data, and checks that they fit the model.

    Raises:
      UserError: they have no such split, or are not those that the model is to be measured on.
    """
    from cyclegan_jax import distributed
    from cyclegan_jax.evaluation import splits
    from cyclegan_jax.runs import run_folder
    import datasets

    prepared = '' if self.other else run_folder.prepared(self.workdir)
    dataset = distributed.first_alone(lambda: datasets.open_dataset(self.data, prepared), 'data')
    splits.check(dataset, self.split, str(self.workdir), model.config.model.direction)
    if self.other:
      from experiments import other_data  # Late: it defines flags.

      other_data.check_domains(dataset, model.domains)
    else:
      run_folder.check_data(self.workdir, dataset)
    return dataset

  def beforehand(self) -> str:
    """Returns what is prepared first to measure a published model on its own data; '' of a run."""
    from cyclegan_jax.runs import published, run_folder

    if self.other or not published.is_in(self.workdir):
      return ''
    splits = run_folder.read_json(self.workdir / run_folder.DATA)['splits'].values()
    return (
      f'The model is measured on what it was trained on, --dataset={self.data.dataset}, whose '
      f'{sum(split["rgb"] for split in splits):,} images are prepared first unless they are there. '
      'To measure it on others: --on=FOLDER'
    )

  def folder(self, dataset: 'Dataset') -> pathlib.Path:
    """Returns the folder of the results."""
    from cyclegan_jax.runs import run_folder

    place = self.workdir
    if self.other:
      from experiments import other_data

      place = place / run_folder.ON / other_data.folder_name(dataset, self.data)
    return run_folder.evaluation(place, self.split, self.checkpoint)


def measure(
  asked: Asked, model: 'Model', dataset: 'Dataset', networks: 'Perceptual', log: Log = print
) -> dict[str, Any]:
  """Measures a model, and writes the files of the results; all processes call it together.

  Returns:
    The content of metrics.json; empty in all processes but the first.
  """
  from cyclegan_jax import distributed
  from cyclegan_jax.evaluation import familiarity, obedience, results
  from cyclegan_jax.evaluation.evaluate import evaluate
  from cyclegan_jax.reports import evaluation_files
  from cyclegan_jax.runs import reader
  from datasets import temperatures

  log = distributed.on_first_process(log)
  scale = temperatures.scale(asked.data, model.domains['ir'].max_value)
  evaluation = evaluate(model, dataset, asked.split, networks=networks, scale=scale, log=log)
  if not distributed.is_first():
    return {}
  best = reader.read([asked.workdir], None)[0].best
  content = results.result(
    evaluation.results,
    model.config,
    model.domains[model.config.model.target],
    asked.split,
    model.step,
    networks,
    evaluation.class_names,
  ) | {'checkpoint': asked.checkpoint, 'trained_steps': model.trained_steps}
  content['overfitting'] = bool(best and best.overfits)
  if model.source:
    content['source'] = model.source
  if evaluation.obedience:
    content['obedience'] = evaluation.obedience
    content['definitions']['obedience'] = obedience.DEFINITION
  if asked.other:
    from experiments import other_data

    content['on'] = other_data.facts(dataset, asked.data)
  folder = asked.folder(dataset)
  evaluation_files.write(folder, content, evaluation, asked.gallery)
  if asked.split == 'test' and not asked.other:
    source = model.domains[model.config.model.source]
    familiarity.write(folder, familiarity.measure(dataset, source, asked.data, log))
  return content
