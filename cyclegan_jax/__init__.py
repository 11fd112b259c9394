"""CycleGAN and its paired peers for RGB to thermal infrared translation, in JAX.

run = cyclegan_jax.train('runs/photos', dataset='folder', source_dir='PHOTOS', paired=True)
run = cyclegan_jax.evaluate(run)
cyclegan_jax.translate(run, 'PHOTOS/rgb', 'IR')
model = cyclegan_jax.load(run)
ir = model.translate(rgb)

What is called a run below is a run folder, the folder of a published model, or its address on the
Hugging Face Hub, hf://owner/name (extra `hub`); or what `train` and `evaluate` return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import os
import typing

from cyclegan_jax import packages

if typing.TYPE_CHECKING:
  from cyclegan_jax.comparison.finished import Comparison
  from cyclegan_jax.data.source import Dataset
  from cyclegan_jax.evaluation.evaluate import Evaluation
  from cyclegan_jax.inference.export.check import Difference
  from cyclegan_jax.inference.model import Model
  from cyclegan_jax.runs.reader import Run

  Path = str | os.PathLike[str]

# Imports are late: everything else in the package imports this module, and JAX takes long.


def load(run: Path | Run, checkpoint: str = 'best') -> Model:
  """Loads a trained model; see `inference.model.load`, `Model.translate`."""
  from cyclegan_jax.inference import model

  folder: typing.Any = getattr(run, 'folder', run)
  return model.load(folder, checkpoint)


def open_dataset(run: Path | Run, **places: typing.Any) -> Dataset:
  """Opens the data that a run was trained on.

  Args:
    run: see above.
    **places: `source_dir`, `data_dir`, or `exclude`, if they have moved.

  Raises:
    UserError: the images are gone, or are others.
  """
  return packages.load('api').open_dataset(run, **places)


def train(
  workdir: Path,
  preset: str = 'udacity',
  *,
  overwrite: bool = False,
  log: Callable[[str], typing.Any] = print,
  **settings: typing.Any,
) -> Run:
  """Trains a model, or resumes training, as experiments.train.

  Args:
    workdir: the run folder.
    preset: the settings to start from.
    overwrite: delete an earlier run in the folder first.
    log: takes each line for the user.
    **settings: of the run and its data set, by the names of flags. A size is a number or (height,
      width).

  Returns:
    The run, which a notebook shows as tables and its latest pictures. If Ctrl-C ended training, it
    is saved, and the same call resumes it.

  Raises:
    UserError: there is no such setting, settings do not fit each other, the data cannot be used, or
      see `training.loop.train`.
  """
  return packages.load('api').train(workdir, preset, overwrite=overwrite, log=log, **settings)


@typing.overload
def evaluate(
  run: Path | Run, dataset: None = None, split: str = 'test', **options: typing.Any
) -> Run: ...
@typing.overload
def evaluate(
  run: Model, dataset: Dataset, split: str = 'test', **options: typing.Any
) -> Evaluation: ...
def evaluate(
  run: Path | Run | Model,
  dataset: Dataset | None = None,
  split: str = 'test',
  **options: typing.Any,
) -> Run | Evaluation:
  """Measures a model beside trivial baselines.

  Of a run, as experiments.evaluate does: on the data that it was trained on, with files in its
  folder. Of a model from `load` and a data set, nothing is written.

  Args:
    run: a run, see above; or a model.
    dataset: only for a model, and then needed.
    split: 'train', 'validation' or 'test'.
    **options: for a run `checkpoint`, `gallery` (how many pictures; None: all), `log`, and, if
      they have moved, `source_dir`, `data_dir`, and `exclude`; for a model those of
      `evaluation.evaluate.evaluate`.

  Returns:
    The run with its measurements; for a model the evaluation.

  Raises:
    UserError: there is no such checkpoint or split, or the data are others than in training.
  """
  if dataset is None:
    return packages.load('api').evaluate(run, split, **options)
  from cyclegan_jax.evaluation import evaluate as evaluate_lib

  return evaluate_lib.evaluate(typing.cast('Model', run), dataset, split, **options)


def translate(
  run: Path | Run, inputs: Path | Sequence[Path], output: Path, **options: typing.Any
) -> None:
  """Translates image and video files, as experiments.translate. Existing results are kept.

  Args:
    run: see above.
    inputs: an image, a video, a folder, or a pattern; or several. Nothing, [], for a model that
      sees layers of a scene without its RGB image: it translates the files of the first layer.
    output: the folder of the results, or the file of a single one.
    **options: `checkpoint`, `temperature`, `style`, `depth_dir`, `label_dir`, `depth_unit`, `log`,
      and the fields of `inference.files.outputs.OutputOptions`, such as direction='ir_to_rgb' or
      overwrite=True.

  Raises:
    UserError: inputs and output do not fit, or files could not be translated; then the others have
      been.
  """
  packages.load('api').translate(run, inputs, output, **options)


def export(run: Path | Run, output: Path, **options: typing.Any) -> Difference:
  """Exports a generator to a file that runs without this program, as experiments.export.

  Args:
    run: see above.
    output: the file, whose name ends in .onnx or .stablehlo.
    **options: `direction`, `bits`, `checkpoint`, `overwrite`, `log`, and `check_images`, a folder
      of images on which the file is compared with the model, by default the test split; if they
      have moved, `source_dir`, `data_dir`, and `exclude`.

  Returns:
    How the file differs from the model: by at most one gray level.

  Raises:
    UserError: see `inference.export.export`.
  """
  return packages.load('api').export(run, output, **options)


def compare(
  output: Path,
  models: Mapping[str, str] | None = None,
  *,
  seeds: int | Sequence[int] = 6,
  workers: int = 1,
  log: Callable[[str], typing.Any] = print,
  **settings: typing.Any,
) -> Comparison:
  """Trains and measures several models with several seeds, as experiments.compare, which it starts.

  Args:
    output: the folder of the comparison; the same call resumes it.
    models: label -> its own flags, such as {'wide': '--base_width=96'}; None for the paper's four.
    seeds: how many, or which.
    workers: jobs at a time.
    log: takes each line for the user.
    **settings: of all models, by the names of flags.

  Returns:
    The comparison, which a notebook shows as tables.

  Raises:
    UserError: a model or the data cannot be used, or a job failed; with what the command says.
  """
  options = dict(seeds=seeds, workers=workers, log=log)
  return packages.load('api').compare(output, models, **options, **settings)
