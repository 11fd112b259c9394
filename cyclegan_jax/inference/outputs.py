"""The files that a translated image becomes: the data, and beside it a preview and a control."""

from collections.abc import Mapping
import dataclasses
import pathlib

import jax
import numpy as np

from cyclegan_jax import files
from cyclegan_jax.data import images
from cyclegan_jax.errors import is_out_of_memory, UserError
from cyclegan_jax.inference.inputs import Job
from cyclegan_jax.inference.model import Model

# The control must not be taken for what a model made.
GRAY_TEXTS = {'content': 'luminance of the RGB image (Rec. 601), a control'}
_LARGEST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


@dataclasses.dataclass(frozen=True)
class Settings:
  """How images are translated and written.

  Attributes:
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    bits: 8, 16 or None, see `Model.translate`.
    tile: likewise.
    overlap: likewise.
    format: 'png' or 'tiff'.
    colormap: of previews, a name that Matplotlib knows; '' for none.
    previews: the folder of previews; for a single named result that of its preview.
    gray_control: the folder of the gray control set, or None.
    overwrite: translate again what exists.
  """

  direction: str = 'rgb_to_ir'
  bits: int | None = None
  tile: int | None = None
  overlap: int | None = None
  format: str = 'png'
  colormap: str = ''
  previews: pathlib.Path | None = None
  gray_control: pathlib.Path | None = None
  overwrite: bool = False

  def targets(self, job: Job) -> dict[str, pathlib.Path]:
    """The files of a job: 'data', and 'preview' and 'gray' if they are asked for."""
    found = {'data': job.target}
    if self.colormap:
      ending = '.mp4' if job.is_video else '.png'
      found['preview'] = self.previews / job.relative.with_suffix(ending)
    if self.gray_control:
      found['gray'] = self.gray_control / job.relative
    return found


def check(settings: Settings) -> None:
  """Raises UserError if the settings contradict each other or name what there is not."""
  if settings.colormap:
    import matplotlib  # Late: slow to import.

    if settings.colormap not in matplotlib.colormaps:
      raise UserError(
        f'--colormap={settings.colormap} is unknown; Matplotlib has inferno, '
        'magma, viridis, gray, and others.'
      )
    if settings.direction != 'rgb_to_ir':
      raise UserError('--colormap shows IR images; --direction=ir_to_rgb makes RGB ones.')
  if settings.gray_control and settings.direction != 'rgb_to_ir':
    raise UserError(
      '--gray_control writes the luminance of RGB images; --direction=ir_to_rgb has none to read.'
    )


def prepared(model: Model, image: np.ndarray, settings: Settings, name: str) -> np.ndarray:
  """An image as it is translated; UserError under its name if the source domain refuses it."""
  domain = model.domains[settings.direction.split('_to_')[0]]
  converted = images.for_domain(image, domain.name, domain.channels, name)
  # The control is made of the colors that a gray RGB domain does not see.
  return image if settings.gray_control else converted


def translated(model: Model, stack: np.ndarray, settings: Settings, name: str) -> np.ndarray:
  """Translates [n, height, width, c] as the settings say.

  Raises:
    UserError: the memory does not suffice.
  """
  try:
    return model.translate(
      stack,
      settings.direction,
      name,
      bits=settings.bits,
      tile=settings.tile,
      overlap=settings.overlap,
    )
  except (MemoryError, jax.errors.JaxRuntimeError) as error:
    if is_out_of_memory(error):
      height, width = stack.shape[1:3]
      raise UserError(
        f'{name}: {width}x{height} pixels are too many for the memory. Give --tile=512, or less.'
      ) from error
    raise


def preview(array: np.ndarray, colormap: str) -> np.ndarray:
  """An image in false color, to be looked at.

  Args:
    array: uint8 or uint16 [height, width, 1 or 3].
    colormap: a name that Matplotlib knows. Black is its beginning and the largest value its end,
      for every image alike.

  Returns:
    uint8 [height, width, 3].
  """
  import matplotlib

  gray = images.luminance(array) if array.shape[-1] == 3 else array
  levels = np.rint(gray[..., 0] * (255 / _LARGEST[array.dtype])).astype(np.uint8)
  table = matplotlib.colormaps[colormap](np.arange(256) / 255)[:, :3]
  return np.rint(table * 255).astype(np.uint8)[levels]


def gray(rgb: np.ndarray) -> np.ndarray:
  """The luminance (Rec. 601) of uint8 or uint16 [height, width, 1 or 3], of the same dtype."""
  return images.for_domain(rgb, 'rgb', 1, 'image')


def encode(array: np.ndarray, format_: str, texts: Mapping[str, str]) -> bytes:
  """An image file of the format 'png' or 'tiff' with metadata."""
  encoder = images.encode_tiff if format_ == 'tiff' else images.encode_png
  return encoder(array, texts)


def write(
  job: Job, source: np.ndarray, result: np.ndarray, settings: Settings, texts: Mapping[str, str]
) -> None:
  """Writes all files of an image, the data last: they tell that the rest is there.

  Raises:
    OSError: one cannot be written.
  """
  contents = {
    'data': lambda: encode(result, settings.format, texts),
    'preview': lambda: images.encode_png(preview(result, settings.colormap)),
    'gray': lambda: encode(gray(source), settings.format, GRAY_TEXTS),
  }
  for kind, target in reversed(settings.targets(job).items()):
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(target, contents[kind]())
