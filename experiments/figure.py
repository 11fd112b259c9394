"""Draws a figure for a paper: RGB, the images that one model or several generate, and true IR.

  python -m experiments.figure --workdir=RUN --output=figure.pdf
  python -m experiments.figure --workdir=runs/paired,runs/unpaired --ids=street/0012,park/0003 \\
      --titles=RGB,paired,unpaired,IR --detail=street/0012:40,20,24x32 --output=figure.pdf

Images are those of a split as they are measured, of the first run's data; all runs need the same
image size and --direction. PDF files have vector text and unfiltered pixels; PNG files have 300
dpi.
"""

from collections.abc import Mapping, Sequence
import re
from typing import Any, TYPE_CHECKING

from absl import flags

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import format_value
from experiments import flags as common, measuring, model_flags

if TYPE_CHECKING:
  import numpy as np

  from cyclegan_jax.inference.model import Model
  from cyclegan_jax.reports.figure import Detail

_CHECKPOINT = model_flags.define_checkpoint_flag()
model_flags.define_place_flags()
flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string('output', None, 'File to write, ending in .pdf or .png.')
_SPLIT = flags.DEFINE_enum('split', 'test', ['train', 'validation', 'test'], 'Which split.')
_IDS = flags.DEFINE_list('ids', None, 'Ids of images, a row each. [four, evenly spaced]')
_TITLES = flags.DEFINE_list(
  'titles', None, 'Titles of the columns: RGB, one for each run, IR. [RGB, names of the runs, IR]'
)
_ROW_TITLES = flags.DEFINE_list('row_titles', None, 'Titles of the rows. [none]')
_DETAIL = flags.DEFINE_multi_string(
  'detail', [], 'ID:LEFT,TOP,WIDTHxHEIGHT in pixels: a part to enlarge. May be repeated.'
)
_CAPTION = flags.DEFINE_string('caption', '', 'A line below the figure.')
_WIDTH = flags.DEFINE_float('width', 17.0, 'Width in centimeters.', lower_bound=1.0)
_COLORMAP = flags.DEFINE_string('colormap', 'gray', "Matplotlib's color map for IR images.")
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Replace an existing file.')
_ROWS = 4
_DETAIL_FORM = re.compile(r'(.+):(\d+),(\d+),(\d+)x(\d+)')


def main() -> None:
  """Draws the figure."""
  output = common.needed(_OUTPUT, 'a file that ends in .pdf or .png')
  folders = common.workdirs()
  # Late, so that --help and bad flags answer at once.
  import matplotlib

  from cyclegan_jax import files
  from cyclegan_jax.data import pipeline
  from cyclegan_jax.data.record_images import record_id
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.inference.export import export
  from cyclegan_jax.reports import figure
  from cyclegan_jax.runs import reader

  if not figure.suffix_of(output):
    raise UserError(
      f'--output={output}: expected a name that ends in {" or ".join(figure.FORMATS)}.'
    )
  if _COLORMAP.value not in matplotlib.colormaps:
    raise UserError(
      f'--colormap={_COLORMAP.value} is unknown. Matplotlib has gray, inferno, magma, viridis, and '
      'others.'
    )
  export.check_output(output, _OVERWRITE.value)
  runs = reader.read(folders, None)
  models = {run.name: model_lib.load(run.folder, _CHECKPOINT.value) for run in runs}
  first = models[runs[0].name]
  data = model_flags.moved(first.config.data)
  dataset = measuring.Asked(runs[0].folder, data, _SPLIT.value).open(first)
  # Grain's types allow for data sets with missing elements.
  examples: Any = pipeline.pixels(dataset, _SPLIT.value, data)
  records = dataset.splits[_SPLIT.value].rgb
  chosen = _chosen([record_id(records[i]) for i in range(len(records))])
  rows = [examples[index] for index in chosen.values()]
  made = _columns(rows, models)
  titles = _titles(list(made))
  drawn = figure.Figure(
    dict(zip(titles, made.values())),
    _row_titles(len(rows)),
    _details(list(chosen), rows[0][first.config.model.source].shape[:2]),
    _CAPTION.value,
    _COLORMAP.value,
  )
  try:
    output.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(output, figure.encode(drawn, _WIDTH.value, figure.suffix_of(output)))
  except OSError as error:
    raise UserError(f'--output={output} cannot be written: {error.strerror}.') from error
  print(f'Wrote {output}: {", ".join(chosen)}.')


def _chosen(ids: Sequence[str]) -> dict[str, int]:
  """Returns the ids of the rows, and their places in the split."""
  from cyclegan_jax.data.source import evenly_spaced

  if _IDS.value is None:
    return {ids[i]: i for i in evenly_spaced(len(ids), _ROWS)}
  places = {id_: i for i, id_ in enumerate(ids)}
  for id_ in _IDS.value:
    if id_ not in places:
      raise UserError(
        f'--ids: {id_!r} is not in split {_SPLIT.value}; it has {len(ids)}, such as '
        f'{", ".join(ids[:3])}. per_image.csv of the evaluation lists all.'
      )
  return {id_: places[id_] for id_ in _IDS.value}


def _columns(
  rows: Sequence[Mapping[str, Any]], models: Mapping[str, 'Model']
) -> dict[str, list['np.ndarray']]:
  """Returns the images of all columns."""
  import numpy as np

  first = next(iter(models.values())).config.model
  size = rows[0][first.source].shape[:2]
  found = {first.source.upper(): [row[first.source] for row in rows]}
  for name, model in models.items():
    if model.direction != first.direction:
      raise UserError(
        f'{name} translates {model.direction}, the first run {first.direction}. Draw them one by '
        'one.'
      )
    if model.config.data.image_size != size:
      raise UserError(
        f'{name} has --image_size={format_value(model.config.data.image_size)}, the first run '
        f'{format_value(size)}. Draw them one by one.'
      )
    layers = {key: np.stack([row[key] for row in rows]) for key in _layers(model)}
    made = model.translate(np.stack([row[first.source] for row in rows]), layers=layers)
    found[name] = list(made)
  return {**found, first.target.upper(): [row[first.target] for row in rows]}


def _layers(model: 'Model') -> tuple[str, ...]:
  """What a model sees beside the image."""
  inputs = model.domains[model.config.model.source].inputs
  return inputs.layers if inputs else ()


def _titles(names: list[str]) -> list[str]:
  if _TITLES.value is None:
    return names
  if len(_TITLES.value) != len(names) or len(set(_TITLES.value)) < len(names):
    raise UserError(
      f'--titles={",".join(_TITLES.value)}: expected {len(names)} different ones, for '
      f'{", ".join(names)}.'
    )
  return _TITLES.value


def _row_titles(count: int) -> list[str]:
  found = _ROW_TITLES.value or [''] * count
  if len(found) != count:
    raise UserError(f'--row_titles={",".join(found)}: expected {count}, one for each row.')
  return found


def _details(ids: Sequence[str], size: tuple[int, int]) -> dict[int, 'Detail']:
  """Returns row -> the part of its images that is enlarged."""
  from cyclegan_jax.reports.figure import Detail

  found = {}
  for text in _DETAIL.value:
    match = _DETAIL_FORM.fullmatch(text)
    if not match or match[1] not in ids:
      raise UserError(
        f'--detail={text}: expected ID:LEFT,TOP,WIDTHxHEIGHT with one of the ids {", ".join(ids)}.'
      )
    detail = Detail(*map(int, match.groups()[1:]))
    fits = detail.left + detail.width <= size[1] and detail.top + detail.height <= size[0]
    if not fits or not detail.width or not detail.height:
      raise UserError(
        f'--detail={text}: the part must lie within the image of {size[1]}x{size[0]} pixels.'
      )
    found[ids.index(match[1])] = detail
  return found


if __name__ == '__main__':
  common.run(main)
