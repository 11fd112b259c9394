"""IR images in the style of another one: --style=REFERENCE_IR."""

import dataclasses
import pathlib

import numpy as np

from cyclegan_jax import checksum, files
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files.decoding import ImageError
from cyclegan_jax.inference.files import values
from cyclegan_jax.inference.model import Model
from cyclegan_jax.progress import Log


@dataclasses.dataclass(frozen=True)
class Reference:
  """An IR image whose look and level translations are to have.

  Attributes:
    file: The image file, such as the training's IR images are.
  """

  file: pathlib.Path

  def condition(self, model: Model, direction: str, log: Log) -> np.ndarray:
    """Returns the style that a model is to be told, float32 [size].

    Args:
      model: The model.
      direction: 'rgb_to_ir'.
      log: Takes a line about what of the file is not used.

    Raises:
      UserError: The model knows no styles, or the file is no IR image.
    """
    check(model, direction)
    try:
      found = values.read(model.config.data, 'ir_to_rgb', self.file, str(self.file))
      style = model.style(found.pixels, str(self.file))
    except ImageError as error:
      raise UserError(
        f'--style={self.file}: the reference is an IR image, in gray as those of the training. '
        f'{error}'
      ) from error
    log(f'Style: that of {self.file}, for all images.')
    return style

  def texts(self, model: Model) -> dict[str, str]:
    """Returns it for the metadata of images: the file's name and digest."""
    del model
    return {'style': f'{self.file.name} {checksum.of_file(self.file)[:16]}'}


def check(model: Model, direction: str) -> None:
  """Raises UserError if a model makes no IR images by example."""
  if direction != 'rgb_to_ir':
    raise UserError(f'--style is for IR images, but {direction} makes others.')
  if not model.has_styles:
    raise UserError(
      f'--style: this model ({model.config.train.preset}) knows no styles. Train one with '
      '--preset=exemplar. To command temperatures instead, see --temperature.'
    )


def parse(text: str) -> Reference | None:
  """Returns the reference that --style names; None for ''.

  Raises:
    UserError: There is no such file.
  """
  if not text:
    return None
  file = files.expanded(text)
  if not file.is_file():
    what = 'is a folder' if file.is_dir() else 'does not exist'
    raise UserError(
      f'--style={text} {what}. Give an IR image file, whose look results are to have.'
    )
  return Reference(file)
