"""What the try-out page says of a model, and offers: examples, palettes, sizes, units."""

from collections.abc import Callable, Sequence
import dataclasses
import pathlib

import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.data import record_images
from cyclegan_jax.data.source import ends, evenly_spaced
from cyclegan_jax.evaluation import familiarity, results as results_lib
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.app import sliders
from cyclegan_jax.inference.app.sliders import Slider
from cyclegan_jax.inference.command import ScaleOf
from cyclegan_jax.inference.model import Model
from cyclegan_jax.reports import gallery
from cyclegan_jax.runs import run_folder

_EXAMPLES = 3
# Names of the page, and of Matplotlib. White hot is the file as it is.
_PALETTES = {'Black hot': 'gray_r', 'Inferno': 'inferno', 'Rainbow': 'turbo'}
# Colors between these are interpolated.
_KNOTS = 33


@dataclasses.dataclass(frozen=True)
class Palette:
  """A palette of 33 colors from the least to the largest gray level; R, G, B as SVG takes them."""

  name: str
  tables: tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Content:
  """What a page shows.

  Attributes:
    title: Of the page.
    about: A sentence or two on the model.
    suffix: Of the names of translated files.
    training_size: Height and width of the training images; None if they kept their own sizes.
    sliders: What visitors may command.
    examples: PNG files to try.
    palettes: For previews; none if translations are in color.
    span: What the least and the largest gray level mean, as texts; None if that is not known.
    strangeness: How far an image is from those of the training, at most 1 for 99 % of the test
      images; None if that is not known.
  """

  title: str
  about: str
  suffix: str = '_ir'
  training_size: tuple[int, int] | None = None
  sliders: Sequence[Slider] = ()
  examples: Sequence[bytes] = ()
  palettes: Sequence[Palette] = ()
  span: tuple[str, str] | None = None
  strangeness: Callable[[np.ndarray], float] | None = None


def of_run(
  workdir: pathlib.Path, checkpoint: str, model: Model, direction: str, scale_of: ScaleOf
) -> Content:
  """Returns what the page shows of a model.

  Args:
    workdir: The run folder; of a published model another place, which holds no results.
    checkpoint: As for `model.load`.
    model: The model.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    scale_of: What gray levels mean, see command.py.

  Raises:
    UserError: Files of the run's results are damaged.
  """
  data = model.config.data
  source, target = ends(model.domains, direction)
  size = record_images.resized(data)
  known = 'x'.join(map(str, size)) + ' pixels' if size else 'their own sizes'
  own = direction == model.direction
  results = run_folder.evaluation(workdir, 'test', checkpoint)
  gray = target.name == 'ir' and target.channels == 1
  return Content(
    title=f'{model.source or workdir.resolve().name}: {direction.upper().replace("_TO_", " to ")}',
    about=f'Preset {model.config.train.preset}, step {model.step}, trained on images of {known}. '
    f'Your image keeps its size unless you choose another.{_verdict(results) if own else ""}',
    suffix=f'_{target.name}',
    training_size=size,
    sliders=sliders.of_model(model, direction, scale_of),
    # Pictures of IR images are no files of the model's span.
    examples=examples(results) if own and (source.name == 'rgb' or not data.ir_span) else (),
    palettes=palettes() if gray else (),
    span=_span(scale_of(data, target.max_value), target.max_value) if gray else None,
    strangeness=familiarity.read(results, source, data) if own else None,
  )


def _verdict(results: pathlib.Path) -> str:
  """What an evaluation on the test split says of the model; '' without one."""
  file = results / 'metrics.json'
  if not file.exists():
    return ''
  content = run_folder.read_json(file)
  of = f'On its own test images ({content["settings"]["dataset"]}) it'
  if results_lib.is_good(content):
    return f' {of} beats every trivial guess.'
  return f' {of} does not beat every trivial guess: do not rely on it.'


def examples(results: pathlib.Path) -> list[bytes]:
  """Returns up to three images of an evaluation's gallery, as PNG files; UserError if damaged."""
  found = gallery.indices(results)
  chosen = (found[i] for i in evenly_spaced(len(found), _EXAMPLES))
  return [images.encode_png(gallery.read(results, index)[0]) for index in chosen]


def palettes() -> list[Palette]:
  """Returns the palettes of the page."""
  import matplotlib  # Late: it is slow to import.

  found = []
  for name, own in _PALETTES.items():
    colors = matplotlib.colormaps[own](np.linspace(0, 1, _KNOTS))[:, :3]
    red, green, blue = (' '.join(f'{value:.3f}' for value in channel) for channel in colors.T)
    found.append(Palette(name, (red, green, blue)))
  return found


def _span(scale: radiometry.Scale | None, max_value: float) -> tuple[str, str] | None:
  """The values of the least and the largest gray level, with their unit."""
  if not scale or not scale.unit:
    return None
  low, high = (float(scale.values(np.array(gray))) for gray in (0.0, max_value))
  unit = scale.unit.replace('degC', '°C')
  return f'{low:.4g} {unit}', f'{high:.4g} {unit}'
