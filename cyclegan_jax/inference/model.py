"""A trained model, from its run folder alone."""

import dataclasses
import pathlib

import jax
import numpy as np

from cyclegan_jax import normalization
from cyclegan_jax.data import cache, images
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.generators import Generator
from cyclegan_jax.inference.tiling import tiles as tiling_lib
from cyclegan_jax.models import apply, networks
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config
from cyclegan_jax.training.checkpoint import Checkpoints

# Padded sizes are multiples of this (or of the generator's stride), so that images of many
# different sizes need few compilations.
_SIZE_STEP = 32


@dataclasses.dataclass(frozen=True)
class Model:
  """The generators of a run, at one checkpoint.

  Attributes:
    config: of the run.
    step: of the checkpoint.
    domains: 'rgb' and 'ir', as in training.
    translators: by direction, 'rgb_to_ir' and, but for pix2pix, 'ir_to_rgb': network values to
      network values.
    trained_steps: of the run's latest checkpoint.
  """

  config: Config
  step: int
  domains: dict[str, Domain]
  translators: dict[str, apply.Translator]
  trained_steps: int = 0

  @property
  def multiple(self) -> int:
    """Images are padded to heights and widths that are multiples of this."""
    return max(_SIZE_STEP, 2**self.config.model.n_downsampling)

  def translator(self, direction: str) -> apply.Translator:
    """The generator of a direction, else UserError."""
    if direction not in self.translators:
      raise UserError(
        f'--direction={direction}: this model ({self.config.train.preset}) has '
        f'{" and ".join(self.translators)} only.'
      )
    return self.translators[direction]

  def translate(
    self,
    image: np.ndarray,
    direction: str = 'rgb_to_ir',
    name: str = 'image',
    *,
    bits: int | None = None,
    tile: int | None = None,
    overlap: int | None = None,
  ) -> np.ndarray:
    """Translates an image of any size, or several of one size.

    Args:
      image: uint8 or uint16, [height, width, channels] or [n, height, width, channels], 1 or 3
        channels. Another bit depth than the training images' is scaled to theirs, another number
        of channels converted where that is safe.
      direction: 'rgb_to_ir' or 'ir_to_rgb'.
      name: for error messages.
      bits: of the result, 8 or 16; None: those of the target domain's training images. With more
        bits than these had, the steps between their gray levels are what the network says.
      tile: images are cut into tiles of this size in pixels; 0: never; None: where one would take
        more than half of the memory. See docs/translating.md.
      overlap: of the tiles; None: what the network needs, see `tiling.choose`.

    Returns:
      uint8 or uint16 [height, width, channels of the target domain], or [n, ...] likewise. Gray
      levels from 0 to 255 or 65535; what they stand for is `radiometry.parse(
      config.data.ir_range)`, if the user has said it.

    Raises:
      UserError: the image is a false-color picture where one channel is expected, the model has
        no such direction, or tile and overlap do not fit each other.
      ValueError: the array is not an image, or `bits` is another number.
    """
    generator = self.translator(direction)
    source, target = (self.domains[d] for d in direction.split('_to_'))
    if image.ndim not in (3, 4):
      raise ValueError(f'images are [height, width, channels] or [n, ...], not {image.shape}.')
    stack = image if image.ndim == 4 else image[np.newaxis]
    height, width = stack.shape[1:3]
    pixels = np.stack(
      [images.for_domain(one, source.name, source.channels, name) for one in stack]
    ).astype(np.float32)
    pixels *= source.normalization.max_value / np.iinfo(image.dtype).max
    step = self.multiple
    # Mirrored at the border as far as the image reaches: no new edge for the network to see.
    padded = np.pad(pixels, ((0, 0), (0, -height % step), (0, -width % step), (0, 0)), 'symmetric')
    x = source.normalization.forward(padded)
    cut = tiling_lib.choose(self.config.model, *x.shape[1:3], step, _memory(), tile, overlap)
    if cut is None:
      y = np.asarray(generator(x))
    else:
      y = np.stack([generator.translate_tiled(one, cut, target.channels) for one in x])
    result = _to_pixels(y[:, :height, :width], target, bits)
    return result if image.ndim == 4 else result[0]


def _memory() -> int:
  """Bytes of the first device's memory; on a CPU those that are free."""
  return (jax.local_devices()[0].memory_stats() or {}).get(
    'bytes_limit'
  ) or cache.available_memory()


def _to_pixels(y: np.ndarray, domain: Domain, bits: int | None) -> np.ndarray:
  """Network values as pixels of a domain, with the domain's own bits or others."""
  own = domain.normalization.max_value
  if bits not in (None, 8, 16):
    raise ValueError(f'bits must be 8, 16 or None, not {bits}.')
  wanted = own if bits is None else float(2**bits - 1)
  if wanted == own:
    return normalization.to_pixels(domain.normalization, y)
  return normalization.quantize(
    domain.normalization.inverse(np.asarray(y, np.float32)) * (wanted / own), wanted
  )


def load(workdir: str | pathlib.Path, checkpoint: str = 'best') -> Model:
  """Loads a model from a run folder.

  Args:
    workdir: the run folder.
    checkpoint: 'best' by the validation metric, 'latest', or a step.

  Raises:
    UserError: no run there, no such checkpoint, or it is damaged.
  """
  workdir = pathlib.Path(workdir)
  config = run_folder.load_config(workdir)
  domains = run_folder.load_domains(workdir, config)
  with Checkpoints(
    workdir / run_folder.CHECKPOINTS, config, domains, read_only=True
  ) as checkpoints:
    step = checkpoints.resolve(checkpoint)
    state = checkpoints.restore(step)
    trained_steps = checkpoints.latest_step()
  nets = networks.build(
    config.model,
    domains['rgb'].channels,
    domains['ir'].channels,
    {name: domain.normalization for name, domain in domains.items()},
  )
  params = state.inference_params()
  translators = {
    name: Generator(nets[name], params[name], state.batch_stats[name])
    for name in networks.generators(config.model)
  }
  return Model(config, step, domains, translators, trained_steps)
