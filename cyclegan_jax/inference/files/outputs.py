"""The files that a translated image becomes: the data, and optionally a preview and a control."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import pathlib
import types
from typing import Any, NamedTuple

import jax
import numpy as np

from cyclegan_jax import files, memory
from cyclegan_jax.data.boxes import LabelFile
from cyclegan_jax.data.source import Domain, ends
from cyclegan_jax.errors import is_out_of_memory, UserError
from cyclegan_jax.image_files import images, location
from cyclegan_jax.image_files.decoding import Source
from cyclegan_jax.inference import training_size
from cyclegan_jax.inference.canvases import Canvas
from cyclegan_jax.inference.files import layer_files, values as values_lib
from cyclegan_jax.inference.files.inputs import Job
from cyclegan_jax.inference.files.layer_files import LayerFiles
from cyclegan_jax.inference.model import Model
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.inference.tiling import tiles

# Sides that a message may name, in pixels.
_TILES = (1024, 512, 256, 128)


@dataclasses.dataclass(frozen=True)
class OutputOptions:
  """Options of a translation and of the files that it writes.

  Attributes:
    output: a folder, or the file of a single result.
    direction: see `Model.translate`, like `bits`, `tile` and `overlap`.
    format: 'png' or 'tiff'.
    colormap: of previews, a name that Matplotlib knows; '' writes none.
    gray_control: the folder of the gray control set, or None.
    overwrite: translate existing results again.
    at_training_size: see training_size.py.
    keep_metadata: images keep where they were taken, see image_files/location.py.
    values: IR images hold the values of the user's files instead of gray levels, see values.py.

  Raises:
    UserError: the options contradict each other, or Matplotlib does not know the color map.
  """

  output: pathlib.Path
  direction: str = 'rgb_to_ir'
  bits: int | None = None
  tile: int | None = None
  overlap: int | None = None
  format: str = 'png'
  colormap: str = ''
  gray_control: pathlib.Path | None = None
  overwrite: bool = False
  at_training_size: bool = False
  keep_metadata: bool = False
  values: bool = False

  def __post_init__(self) -> None:
    if self.colormap:
      import matplotlib  # Late: slow to import.

      if self.colormap not in matplotlib.colormaps:
        raise UserError(
          f'--colormap={self.colormap} is unknown. Matplotlib has inferno, magma, viridis, gray, '
          'and others.'
        )
      if self.direction != 'rgb_to_ir':
        raise UserError('--colormap is for IR images, but ir_to_rgb makes RGB images.')
    if self.values and (self.direction != 'rgb_to_ir' or self.bits):
      cure = (
        f'leave out --bits={self.bits}' if self.bits else f'{self.direction} makes no IR images'
      )
      raise UserError(f'--values writes IR values as they are in the files: {cure}.')
    if self.gray_control and self.direction != 'rgb_to_ir':
      raise UserError(
        '--gray_control writes the luminance of RGB images, but ir_to_rgb reads none.'
      )

  @property
  def made_bits(self) -> int | None:
    """The bits of what the model makes; values are not rounded to 8 before."""
    return 16 if self.values else self.bits

  def targets(self, job: Job) -> dict[str, pathlib.Path]:
    """Returns the files of a job: 'data' and, if requested, 'preview' and 'gray'."""
    found = {'data': job.target}
    if self.colormap:
      output = self.output.resolve()
      previews = output.with_name(f'{output.stem}_{self.colormap}')
      found['preview'] = previews / job.relative.with_suffix('.mp4' if job.is_video else '.png')
    if self.gray_control:
      found['gray'] = self.gray_control / job.relative
    return found


class Read(NamedTuple):
  """A scene that is ready to be translated, and what else its files hold; see `reading.Read`."""

  scene: Scene
  lost: frozenset[str]


@dataclasses.dataclass(frozen=True)
class FileTranslator:
  """A model that translates images, uint8 or uint16 [height, width, 1 or 3], to files.

  `texts` are the metadata of the results, from `metadata.texts`; `condition` is what the model is
  told, None for the mean of training; `layers` are for a model that sees more than images.
  """

  model: Model
  options: OutputOptions
  texts: Mapping[str, str]
  condition: np.ndarray | None = None
  layers: LayerFiles = layer_files.NONE

  def read(
    self, source: Source, name: str, layers: Mapping[str, LabelFile] = types.MappingProxyType({})
  ) -> Read:
    """Reads an image to translate, with the files of its layers, and prepares it.

    For a model that does not see RGB, the image is black, and the layers say how large it is.

    Raises:
      UserError: A file cannot be read, or does not fit the model or the image.
    """
    inputs = self._source.inputs
    if inputs and 'rgb' not in inputs.kinds:
      planes = self.layers.read(inputs, layers, name)
      height, width = planes[inputs.layers[0]].shape
      return Read(Scene(np.zeros((height, width, 3), np.uint8), planes), frozenset())
    found = values_lib.read(self.model.config.data, self.options.direction, source, name)
    image = self.prepare(found.pixels, name)
    planes = self.layers.read(inputs, layers, name, image.shape[:2]) if inputs else {}
    return Read(Scene(image, planes), found.lost)

  def prepare(self, image: np.ndarray, name: str) -> np.ndarray:
    """Returns an image ready to be translated; UserError if the source domain refuses it."""
    converted = images.for_domain(image, self._source.name, self._source.channels, name)
    # The control is made of the colors, which a gray RGB domain does not see.
    return image if self.options.gray_control else converted

  @property
  def _source(self) -> Domain:
    source, _ = ends(self.model.domains, self.options.direction)
    return source

  def fits(self) -> Callable[[tuple[int, int]], bool]:
    """Returns whether an image of a padded size is translated in one piece."""
    config, free = self.model.config.model, memory.on_device()
    sizes = self.model.multiple, free, self.options.tile, self.options.overlap
    return lambda shape: tiles.choose(config, *shape, *sizes) is None

  def compile(self, canvas: Canvas) -> None:
    """Compiles the program for a canvas."""
    shape = canvas.rows, *canvas.shape, self._source.seen_channels
    self.model.translator(self.options.direction).needed(shape, canvas.mixed)

  def translate(
    self, batch: Sequence[Scene], name: str, canvas: Canvas | None = None
  ) -> Sequence[np.ndarray] | np.ndarray:
    """Translates scenes on a canvas, or without one those of one size.

    Raises:
      UserError: Memory runs out.
    """
    options, direction = self.options, self.options.direction
    how: dict[str, Any] = dict(bits=options.made_bits, condition=self.condition)
    try:
      if canvas:
        return self.model.translate_on(canvas, batch, direction, name, **how)
      how |= dict(tile=options.tile, overlap=options.overlap)
      if options.at_training_size:
        return training_size.translate(self.model, batch, direction, name, **how)
      return self.model.translate_scenes(batch, direction, name, **how)
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
      if not is_out_of_memory(error):
        raise
      height, width = canvas.shape if canvas else batch[0].pixels.shape[:2]
      found = f' ({error})' if isinstance(error, memory.TooLittle) else ''
      raise UserError(
        f'{name}: {width}x{height} pixels do not fit into memory{found}. {self._smaller_tile()}'
      ) from error

  def _smaller_tile(self) -> str:
    """Returns what to do so that an image fits."""
    free = memory.on_device()
    for tile in _TILES:
      if self.options.tile and tile >= self.options.tile:
        continue
      shape = 1, *self.model.padded(tile, tile), self._source.seen_channels
      if (needed := self.model.translator(self.options.direction).needed(shape)) <= free:
        return f'--tile={tile} would need about {memory.text(needed)}.'
    return 'Free some memory, or use another machine: not even small tiles fit.'

  def contents(
    self, image: np.ndarray, result: np.ndarray
  ) -> dict[str, tuple[np.ndarray, Mapping[str, str]]]:
    """Returns pixels and metadata of each of `OutputOptions.targets` of a prepared image."""
    found = {'data': (self.data(result), self.texts)}
    if self.options.colormap:
      found['preview'] = preview(result, self.options.colormap), {}
    if self.options.gray_control:
      # So that nobody takes the control for the output of a model.
      texts = {'content': 'luminance of the RGB image (Rec. 601), a control'}
      found['gray'] = images.for_domain(image, 'rgb', 1, 'image'), texts
    return found

  def data(self, result: np.ndarray) -> np.ndarray:
    """Returns what is written of a translation: gray levels, or values (uint16, float32)."""
    if not self.options.values:
      return result
    return values_lib.of_gray_levels(self.model.config.data, result)

  def write(self, job: Job, image: np.ndarray, result: np.ndarray) -> None:
    """Writes all files of an image, the data last: if they exist, so do the others."""
    targets = self.options.targets(job)
    place = location.read(job.source) if self.options.keep_metadata else None
    for kind, (pixels, texts) in reversed(self.contents(image, result).items()):
      targets[kind].parent.mkdir(parents=True, exist_ok=True)
      format_ = 'png' if kind == 'preview' else self.options.format
      files.write_bytes(targets[kind], encode(pixels, format_, texts, place))


def preview(array: np.ndarray, colormap: str) -> np.ndarray:
  """Returns an image in false color, to look at: uint8 [height, width, 3].

  Args:
    array: uint8 or uint16 [height, width, 1 or 3].
    colormap: a name that Matplotlib knows. It begins at black and ends at the largest value, for
      every image alike.
  """
  import matplotlib

  gray = images.luminance(array) if array.shape[-1] == 3 else array
  levels = np.rint(gray[..., 0] * (255 / np.iinfo(array.dtype).max)).astype(np.uint8)
  table = matplotlib.colormaps[colormap](np.arange(256) / 255)[:, :3]
  return np.rint(table * 255).astype(np.uint8)[levels]


def encode(
  array: np.ndarray, format_: str, texts: Mapping[str, str], place: location.Location | None = None
) -> bytes:
  """Encodes an image file of the format 'png' or 'tiff' with metadata."""
  encoder = images.encode_tiff if format_ == 'tiff' else images.encode_png
  return encoder(array, texts, place)
