"""A trained model, from its run folder alone."""

import dataclasses
import pathlib
from typing import Any, Mapping

import numpy as np

from cyclegan_jax import emsn
from cyclegan_jax import run_folder
from cyclegan_jax.data import images
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import samples
from cyclegan_jax.models import networks
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
    params: of the translators, by direction; the moving averages where there are any.
    batch_stats: likewise.
  """
  config: Config
  step: int
  domains: dict[str, Domain]
  translators: dict[str, samples.Translator]
  trained_steps: int = 0
  params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  batch_stats: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def multiple(self) -> int:
    """Images are padded to heights and widths that are multiples of this."""
    return max(_SIZE_STEP, 2 ** self.config.model.n_downsampling)

  def translator(self, direction: str) -> samples.Translator:
    """The generator of a direction, else UserError."""
    if direction not in self.translators:
      raise UserError(f'--direction={direction}: this model ({self.config.train.preset}) has '
                      f'{" and ".join(self.translators)} only.')
    return self.translators[direction]

  def translate(self, image: np.ndarray, direction: str = 'rgb_to_ir',
                name: str = 'image') -> np.ndarray:
    """Translates one image of any size.

    Args:
      image: uint8 or uint16 [height, width, channels]. Another bit depth than the training
        images' is scaled to theirs, another number of channels converted where that is safe.
      direction: 'rgb_to_ir' or 'ir_to_rgb'.
      name: for error messages.

    Returns:
      [height, width, channels of the target domain], of the target domain's dtype.

    Raises:
      UserError: the image is a false-colour picture where one channel is expected, or the model
        has no such direction.
    """
    translator = self.translator(direction)
    source, target = (self.domains[d] for d in direction.split('_to_'))
    pixels = images.for_domain(image, source.name, source.channels, name).astype(np.float32)
    pixels *= source.normalisation.max_value / np.iinfo(image.dtype).max
    height, width = pixels.shape[:2]
    step = self.multiple
    # Mirrored at the border as far as the image reaches: no new edge for the network to see.
    padded = np.pad(pixels, ((0, -height % step), (0, -width % step), (0, 0)), 'symmetric')
    x = source.normalisation.forward(padded)[np.newaxis]
    y = np.asarray(translator(x))[0, :height, :width]
    return emsn.to_pixels(target.normalisation, y)


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
  with Checkpoints(workdir / run_folder.CHECKPOINTS, config, read_only=True) as checkpoints:
    step = checkpoints.resolve(checkpoint)
    state = checkpoints.restore(step)
    trained_steps = checkpoints.latest_step()
  nets = networks.build(config.model, domains['rgb'].channels, domains['ir'].channels,
                        {name: domain.normalisation for name, domain in domains.items()})
  params, batch_stats = state.best_params(), state.batch_stats
  return Model(config, step, domains, samples.translators(nets, params, batch_stats),
               trained_steps, params, batch_stats)
