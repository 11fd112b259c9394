"""What a published model comes with: measurements, pictures, an ONNX file, and a model card.

README.md          the model card
rgb_to_ir.onnx     the generator, if the extra `onnx` is installed; ir_to_rgb.onnx of an inverse one
evaluation/SPLIT/  the measurements of these weights, if there are any
pictures/          images that the model has made, beside true ones
"""

from collections.abc import Iterator, Sequence
import pathlib
import shutil

from cyclegan_jax import checksum, files
from cyclegan_jax.inference import model_card
from cyclegan_jax.inference.export import export
from cyclegan_jax.inference.export.check import Example
from cyclegan_jax.inference.model import Model
from cyclegan_jax.progress import Log
from cyclegan_jax.reports import temperature_strip
from cyclegan_jax.runs import published, run_folder
from cyclegan_jax.runs.reader import Run

PICTURES = 'pictures'
_OF_EVALUATION = ('examples.png', 'paper_figure.png', temperature_strip.FILE)


def write(
  folder: pathlib.Path,
  model: Model,
  run: Run,
  given: model_card.Given,
  *,
  address: str = '',
  examples: Sequence[Example] = (),
  pictures: bool = True,
  checkpoint: str = 'best',
  log: Log = print,
) -> None:
  """Writes the folder of a published model; see also runs/published.py.

  Args:
    folder: exists, and is empty.
    model: what to publish.
    run: its run, read with measurements, if there are any.
    given: what only a person knows about it.
    address: where it is going to be, for the model card; '' if that is not known.
    examples: images to compare the ONNX file on; without any there is no such file.
    pictures: whether pictures, which show images of the data, are published.
    checkpoint: the value of --checkpoint, for the metadata.
    log: receives each line for the user.

  Raises:
    UserError: a package is missing, a file of the run cannot be read, or the ONNX file does not
      agree with the model.
    OSError: the folder cannot be written.
  """
  generators = model.translators.items()
  weights = published.Weights(
    model.config,
    model.domains,
    model.step,
    model.trained_steps,
    {name: generator.params for name, generator in generators},
    {name: generator.batch_stats for name, generator in generators},
  )
  published.write(folder, weights, run.folder)
  shown = []
  if pictures:
    for picture in _pictures(run):
      shown.append(f'{PICTURES}/{picture.name}')
      _copy(picture, folder / PICTURES)
  if run.measurements and run.measurements.content['checkpoint_step'] == model.step:
    _write_measurements(run.measurements.folder, folder / run_folder.EVALUATION)
  if examples:
    export.export(
      *(model, model.direction, 'onnx', folder / f'{model.direction}.onnx'),
      bits=0,
      examples=examples,
      checkpoint=checkpoint,
      log=log,
    )
  files.write_text(folder / 'README.md', model_card.text(model, run, given, address, shown))


def _pictures(run: Run) -> Iterator[pathlib.Path]:
  """Yields the pictures of a run: those of its evaluation, and the latest samples."""
  if run.measurements:
    found = (run.measurements.folder / name for name in _OF_EVALUATION)
    yield from (file for file in found if file.exists())
  yield from sorted((run.folder / run_folder.SAMPLES).glob('step_*.png'))[-1:]


def _copy(file: pathlib.Path, folder: pathlib.Path) -> None:
  folder.mkdir(parents=True, exist_ok=True)
  shutil.copyfile(file, folder / file.name)


def _write_measurements(source: pathlib.Path, evaluation: pathlib.Path) -> None:
  """Writes what runs/reader.py reads, without folders of the user's machine."""
  content = run_folder.read_json(source / 'metrics.json')
  content['settings'] = published.without_folders(content['settings'])
  _copy(source / 'per_image.csv', evaluation / source.name)
  files.write_text(evaluation / source.name / 'metrics.json', checksum.dumps(content))
