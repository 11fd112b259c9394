"""A trained model, from its run folder alone, or as it was published."""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib

import numpy as np

from cyclegan_jax import devices, forks, interruption, memory
from cyclegan_jax.data.source import Domain, dtype_of, ends, quantize
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import reference as reference_lib, scene
from cyclegan_jax.inference.canvases import Canvas
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.inference.tiling import tiled, tiles
from cyclegan_jax.inference.tiling.padded import Padded, padded_size
from cyclegan_jax.models import apply, networks
from cyclegan_jax.runs import addresses, published
from cyclegan_jax.settings import Config
from cyclegan_jax.training.checkpoint import of_run

# Padded sizes are multiples of this (or of the generator's stride), so that images of many
# different sizes need few compilations.
_SIZE_STEP = 32


@dataclasses.dataclass(frozen=True)
class Model:
  """The generators of a run, at one checkpoint.

  Attributes:
    config: The configuration of the run.
    step: The step of the checkpoint.
    domains: 'rgb' and 'ir', as in training.
    translators: By direction: that of the configuration and, of CycleGAN, both.
    trained_steps: The step of the run's latest checkpoint.
    source: The address of a model from the Hub, with its commit; '' of other models.
  """

  config: Config
  step: int
  domains: dict[str, Domain]
  translators: dict[str, apply.Translator]
  trained_steps: int = 0
  source: str = ''

  @property
  def direction(self) -> str:
    """What it translates unless a call says otherwise, 'rgb_to_ir' or 'ir_to_rgb'."""
    return self.config.model.direction

  @property
  def multiple(self) -> int:
    """Images are padded to heights and widths that are multiples of this."""
    return max(_SIZE_STEP, 2**self.config.model.n_downsampling)

  def translator(self, direction: str) -> apply.Translator:
    """Returns the generator of a direction; UserError if the model does not have it."""
    if direction not in self.translators:
      raise UserError(
        f'--direction={direction}: this model ({self.config.train.preset}) has only '
        f'{" and ".join(self.translators)}. Leave --direction out, or train another one with '
        f'--direction={direction}.'
      )
    return self.translators[direction]

  def translate(
    self,
    image: np.ndarray,
    direction: str | None = None,
    name: str = 'image',
    *,
    bits: int | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    condition: np.ndarray | None = None,
    style: np.ndarray | None = None,
    layers: Mapping[str, np.ndarray] | None = None,
  ) -> np.ndarray:
    """Translates an image of any size, or several of one size.

    Args:
      image: uint8 or uint16, [height, width, channels] or [n, height, width, channels], 1 or 3
        channels. A bit depth other than that of the training images is scaled to theirs; another
        number of channels is converted where that is safe.
      direction: 'rgb_to_ir' or 'ir_to_rgb'; None for the model's own.
      name: The image's name in error messages.
      bits: Bit depth of the result, 8 or 16; None for that of the target domain's training images.
        With more bits than these had, the steps between their gray levels are the network's.
      tile: Size of the tiles in pixels, see `tiles.choose` and docs/how-to/translate.md.
      overlap: Overlap of the tiles in pixels, likewise.
      condition: Of a model that was trained with --condition, which of the many possible images is
        meant: float32 [size], from `Condition.command`. None for the mean of training.
      style: Of a model by example (--preset=exemplar), an IR image whose look and level the result
        is to have, uint8 or uint16 [height, width, channels], see `style`. None for the mean style
        of training.
      layers: Of a model that was trained with other --inputs than rgb: `labels`, uint8, and
        `depth`, uint16, [height, width] or [n, height, width], see data/layers.py. A model that
        does not see RGB may get any image of the size, such as a black one.

    Returns:
      uint8 or uint16 [height, width, channels of the target domain], or [n, ...] likewise: gray
      levels from 0 to 255 or 65535. If the user has said what they stand for, it is
      `radiometry.known(config.data.ir_range, config.data.ir_span)`.

    Raises:
      UserError: The image is a false-color picture where one channel is expected, the model does
        not have this direction or no styles, or tile and overlap do not fit each other.
      ValueError: The array is not an image, `bits` is another number, or layers are missing, of
        another size, or of no use to this model.
    """
    condition = condition if style is None else self.style(style)
    if image.ndim not in (3, 4):
      raise ValueError(f'images are [height, width, channels] or [n, ...], not {image.shape}.')
    stack = image if image.ndim == 4 else image[np.newaxis]
    result = self.translate_scenes(
      scene.unstacked(stack, layers or {}, name),
      direction or self.direction,
      name,
      bits=bits,
      tile=tile,
      overlap=overlap,
      condition=condition,
    )
    return result if image.ndim == 4 else result[0]

  def translate_scenes(
    self,
    scenes: Sequence[Scene],
    direction: str = 'rgb_to_ir',
    name: str = 'image',
    *,
    bits: int | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    condition: np.ndarray | None = None,
  ) -> np.ndarray:
    """As `translate`, of scenes of one size; returns [n, height, width, channels]."""
    if not scenes[0].layers:
      self.check_images_alone(direction, name)
    generator = self._told(direction, condition)
    source, target = ends(self.domains, direction)
    height, width = scenes[0].pixels.shape[:2]
    padded = [self._padded(one, source, name) for one in scenes]
    cut = tiles.choose(
      self.config.model, *padded[0].shape, self.multiple, memory.on_device(), tile, overlap
    )
    dtype = dtype_of(max_value(target, bits))
    result = np.empty((len(scenes), height, width, target.channels), dtype)
    if cut is None:
      y = generator(np.concatenate([one.whole() for one in padded]))
      result[:] = _to_pixels(y[:, :height, :width], target, bits)
    else:
      for one, own in zip(padded, result):
        for top, y in tiled.translate(generator, one, cut, target.channels):
          own[top : top + len(y)] = _to_pixels(y[: height - top, :width], target, bits)
    return result

  @property
  def has_styles(self) -> bool:
    """Whether it makes IR images by example."""
    return self.config.model.method == 'exemplar'

  def style(self, reference: np.ndarray, name: str = 'reference') -> np.ndarray:
    """Returns the style of an IR image, float32 [size], which is a `condition` of `translate`.

    The image is resized as those of the training were.

    Args:
      reference: uint8 or uint16 [height, width, 1 or 3]; three channels are equal.
      name: Its name in error messages.

    Raises:
      UserError: The model knows no styles, the image is no IR image, or it is too small.
    """
    if not self.has_styles:
      raise UserError(
        f'This model ({self.config.train.preset}) knows no styles; --preset=exemplar trains such.'
      )
    forks.use()
    x = reference_lib.prepared(reference, self.domains['ir'], self.config.data, name)
    return self.translators['rgb_to_ir'].style(x)[0]

  def check_images_alone(self, direction: str, what: str) -> None:
    """Raises UserError if networks see more of a scene than an image, which `what` is."""
    if inputs := self.domains[direction.partition('_to_')[0]].inputs:
      raise UserError(
        f'{what}: this model sees {", ".join(inputs.kinds)} of a scene (--inputs), and an image '
        f'alone has no {" and no ".join(inputs.layers)}. experiments.translate takes them as '
        'files, and Model.translate of the Python API as arrays (docs/how-to/layers.md).'
      )

  def _told(self, direction: str, condition: np.ndarray | None) -> apply.Translator:
    """The generator of a direction that is about to be used."""
    forks.use()
    generator = self.translator(direction)
    return generator if condition is None else generator.told(condition)

  def _padded(self, one: Scene, source: Domain, name: str) -> Padded:
    """A scene of the source domain as networks see it."""
    one.check(source, name)
    pixels = images.for_domain(one.pixels, source.name, source.channels, name)
    return Padded(pixels, source, self.multiple, one.layers)

  def padded(self, height: int, width: int) -> tuple[int, int]:
    """Returns the size to which an image is padded."""
    return padded_size(height, width, self.multiple)

  def translate_on(
    self,
    canvas: Canvas,
    batch: Sequence[Scene],
    direction: str = 'rgb_to_ir',
    name: str = 'image',
    *,
    bits: int | None = None,
    condition: np.ndarray | None = None,
  ) -> list[np.ndarray]:
    """Translates images of different sizes together, each as `translate` does, up to rounding.

    Args:
      canvas: What they fit on, see canvases.py.
      batch: At most `canvas.rows` images, with layers as for `translate`.
      direction: See `translate`.
      name: See `translate`.
      bits: See `translate`.
      condition: See `translate`, of all of them.

    Raises:
      UserError: See `translate`.
    """
    generator = self._told(direction, condition)
    source, target = ends(self.domains, direction)
    # Images that fill the batch up: the last one again.
    rows = [*batch, *[batch[-1]] * (canvas.rows - len(batch))]
    x = np.zeros((len(rows), *canvas.shape, source.seen_channels), np.float32)
    sizes = []
    for own, one in zip(x, rows):
      padded = self._padded(one, source, name)
      own[: padded.shape[0], : padded.shape[1]] = padded.whole()[0]
      sizes.append(padded.shape)
    y = generator(x, sizes=np.array(sizes, np.int32)) if canvas.mixed else generator(x)
    return [
      _to_pixels(own[: one.pixels.shape[0], : one.pixels.shape[1]], target, bits)
      for own, one in zip(y, batch)
    ]


def max_value(domain: Domain, bits: int | None) -> float:
  """Returns the largest pixel value of a result, with the domain's own bit depth or another."""
  if bits not in (None, 8, 16):
    raise ValueError(f'bits must be 8, 16 or None, not {bits}.')
  return domain.max_value if bits is None else float(2**bits - 1)


def _to_pixels(y: np.ndarray, domain: Domain, bits: int | None) -> np.ndarray:
  """Network values as pixels of a domain."""
  largest = max_value(domain, bits)
  return quantize(domain.denormalize(y) * (largest / domain.max_value), largest)


def load(workdir: str | pathlib.Path, checkpoint: str = 'best') -> Model:
  """Loads a model from a run folder, or a published one.

  Args:
    workdir: The run folder, the folder of a published model, or its address on the Hugging Face
      Hub, hf://owner/name or hf://owner/name@revision, which needs the extra `hub`; or `rendered`,
      the model that comes with the program.
    checkpoint: 'best' by the validation metric, 'latest', or a step.

  Raises:
    UserError: There is no run, there is no such checkpoint, or it is damaged; or this process was
      forked from one that has loaded a model. For those of an address, see `hub.fetch`.
  """
  forks.use()  # Refuses what would hang.
  devices.check()
  folder = addresses.located(str(workdir))
  if published.is_in(folder):
    return _load_published(folder, checkpoint)
  with of_run(folder) as (config, domains, checkpoints):
    step = checkpoints.resolve(checkpoint)
    state = checkpoints.restore(step)
    trained_steps = checkpoints.latest_step() or step
  interruption.check()
  nets = networks.build(config.model, domains)
  translators = apply.translators(nets, state.inference_params(), state.batch_stats)
  return Model(config, step, domains, translators, trained_steps)


def _load_published(folder: pathlib.Path, checkpoint: str) -> Model:
  found = published.read(folder, checkpoint)
  nets = networks.build(found.config.model, found.domains)
  translators = apply.translators(nets, found.params, found.batch_stats)
  return Model(
    found.config, found.step, found.domains, translators, found.trained_steps, found.source
  )
