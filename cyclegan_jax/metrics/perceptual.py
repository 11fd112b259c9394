"""FID, KID and LPIPS, by published networks in files that the user has; nothing is downloaded.

The files are TorchScript, network and weights in one; PyTorch runs them on the CPU. Two are
NVIDIA's, from StyleGAN2-ADA: the Inception network of the original FID (2015-12-05, TensorFlow),
and VGG-16 with the heads of LPIPS 0.1. The third is the LPIPS of AlexNet of its authors' package,
as docs/how-to/measure.md traces it.
"""

from collections.abc import Mapping
import dataclasses
import hashlib
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax.errors import UserError
from cyclegan_jax.metrics import distributions

_SOURCE = 'https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/'
FEATURES = 2048
# VGG-16 halves an image four times.
SMALLEST_LPIPS = 16
# Of AlexNet's first layer, stride 4, two poolings of 3 pixels must be left something.
SMALLEST_LPIPS_ALEX = 31
_ALEXNET_FIRST_LAYER = (64, 3, 11, 11)


@dataclasses.dataclass(frozen=True)
class FeatureNetwork:
  """A TorchScript module, the options it is called with, and the file it is from, in words."""

  source: str
  module: Any
  options: Mapping[str, bool]

  def __call__(self, images: np.ndarray) -> np.ndarray:
    """Maps uint8 [n, height, width, 3] to float32 [n, features]."""
    import torch

    with torch.inference_mode():
      x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, 3, 1)))
      return self.module(x, **self.options).numpy()


@dataclasses.dataclass(frozen=True)
class DistanceNetwork:
  """A TorchScript module that takes two batches in [-1, 1], and the file it is from, in words."""

  source: str
  module: Any

  def __call__(self, reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Maps two batches uint8 [n, height, width, 3] to their distances, float64 [n]."""
    import torch

    with torch.inference_mode():
      pair = (
        torch.from_numpy(np.moveaxis(images, 3, 1).astype(np.float32) / 127.5 - 1)
        for images in (reference, image)
      )
      return self.module(*pair).numpy().astype(np.float64).reshape(len(image))


@dataclasses.dataclass(frozen=True)
class Perceptual:
  """The available networks. Metrics that need a missing one are not measured."""

  inception: FeatureNetwork | None = None
  vgg: FeatureNetwork | None = None
  alex: DistanceNetwork | None = None

  @property
  def packages(self) -> tuple[str, ...]:
    """The packages on whose versions the metrics depend."""
    return ('torch',) if self.inception or self.vgg or self.alex else ()

  def seen(
    self, pixels: np.ndarray, max_value: float, mask: np.ndarray | None
  ) -> dict[str, np.ndarray]:
    """Applies the networks to images.

    Args:
      pixels: [n, height, width, 1 or 3] in 0..max_value. One channel is repeated three times.
      max_value: 255, or 65535, whose values are scaled to 8 bits.
      mask: bool [n, height, width, 1] or None; other pixels become 0.

    Returns:
      The outputs of 'inception' and 'vgg', float32 [n, features], as far as they are available,
      and the 'images' that were seen, uint8 [n, height, width, 3].
    """
    scaled = np.rint(np.where(True if mask is None else mask, pixels, 0) * (255 / max_value))
    images = np.broadcast_to(scaled.astype(np.uint8), (*pixels.shape[:3], 3))
    found = {'inception': self.inception, 'vgg': self.vgg}
    outputs = {name: network(images) for name, network in found.items() if network}
    return {'images': images, **outputs}

  def lpips(
    self, reference: Mapping[str, np.ndarray], image: Mapping[str, np.ndarray]
  ) -> dict[str, np.ndarray]:
    """Returns the kinds of LPIPS, float64 [n] by metric, of two batches as `seen` returns them."""
    found = {}
    if self.vgg:
      # The squared distance of this network's outputs is LPIPS.
      found['lpips'] = np.square(reference['vgg'].astype(np.float64) - image['vgg']).sum(1)
    if self.alex:
      found['lpips_alex'] = self.alex(reference['images'], image['images'])
    return found

  def definitions(self, totals: Mapping[str, float]) -> dict[str, str]:
    """Returns what is measured and how, by metric, given a predictor's totals."""
    found = {}
    if self.inception:
      n = int(totals['fid_images'])
      found['fid'] = (
        f'Heusel et al. 2017, squared distance, {n} images each; network: {self.inception.source}'
      )
      if n < 4:
        found['fid'] += '. WARNING: FID needs 2 images and KID 4'
      elif n < FEATURES:
        found['fid'] += (
          f'. WARNING: with fewer than {FEATURES} images covariances are '
          'rank-deficient and FID is biased upwards: compare it only with that of the same images'
        )
      found['kid'] = (
        'Binkowski et al. 2018, kernel (x.y / 2048 + 1)^3, unbiased, the network of fid; mean ± '
        f'standard deviation of {distributions.SUBSETS} random subsets of '
        f'{distributions.subset_size(n)} images, seed 0'
      )
    kinds = {'lpips': ('VGG-16', self.vgg), 'lpips_alex': ('AlexNet', self.alex)}
    for name, (kind, network) in kinds.items():
      if network:
        found[name] = (
          f'Zhang et al. 2018, version 0.1, {kind}, mean over images; network: {network.source}'
        )
    if found:
      found[', '.join(found)] = (
        'computed on 8-bit images; one channel is repeated three times; '
        'pixels without thermal data are 0 in both images'
      )
    return found


NONE = Perceptual()


def collection_figures(reference: np.ndarray, images: np.ndarray) -> dict[str, float]:
  """Computes FID, KID, its standard deviation, and n from Inception features [n, features]."""
  mean, deviation = distributions.kernel_distance(reference, images)
  return {
    'fid': distributions.frechet_distance(reference, images),
    'kid': mean,
    'kid_sd': deviation,
    'fid_images': len(reference),
  }


def load(
  fid_weights: pathlib.Path | None,
  lpips_weights: pathlib.Path | None,
  lpips_alex_weights: pathlib.Path | None = None,
) -> Perceptual:
  """Loads the networks from these files; None leaves one out.

  Raises:
    UserError: PyTorch is missing, or a file is missing or holds another network.
  """
  return Perceptual(
    _nvidia('fid_weights', fid_weights, 'inception-2015-12-05.pt', return_features=True),
    _nvidia('lpips_weights', lpips_weights, 'vgg16.pt', resize_images=False, return_lpips=True),
    _alexnet('lpips_alex_weights', lpips_alex_weights),
  )


def _nvidia(
  flag: str, file: pathlib.Path | None, name: str, **options: bool
) -> FeatureNetwork | None:
  if not file:
    return None
  advice = f'Download {name} from {_SOURCE}{name} ; this program downloads nothing by itself.'
  source, module = _script(flag, file, advice)
  network = FeatureNetwork(source, module, options)
  try:
    shape = network(np.zeros((2, 32, 32, 3), np.uint8)).shape
  except _failures() as error:
    raise UserError(
      f'--{flag}={file} is another network: it does not take {", ".join(options)}. {advice}'
    ) from error
  if len(shape) != 2 or shape[0] != 2 or (flag == 'fid_weights' and shape[1] != FEATURES):
    raise UserError(
      f'--{flag}={file} is another network: for two images it returns an array of shape '
      f'{tuple(shape)}. {advice}'
    )
  return network


def _alexnet(flag: str, file: pathlib.Path | None) -> DistanceNetwork | None:
  if not file:
    return None
  advice = (
    'Make it with the package lpips, in two lines of docs/how-to/measure.md; this program '
    'downloads nothing by itself.'
  )
  source, module = _script(flag, file, advice)
  network = DistanceNetwork(source, module)
  black = np.zeros((2, 32, 32, 3), np.uint8)
  try:
    equal = network(black, black)
  except (*_failures(), ValueError) as error:
    raise UserError(
      f'--{flag}={file} is another network: it does not give two pairs of images a distance each. '
      f'{advice}'
    ) from error
  if equal.any() or all(layer.shape != _ALEXNET_FIRST_LAYER for layer in module.parameters()):
    raise UserError(f'--{flag}={file} is another network: it is not the LPIPS of AlexNet. {advice}')
  return network


def _script(flag: str, file: pathlib.Path, advice: str) -> tuple[str, Any]:
  """The file in words, and its TorchScript module."""
  if not file.is_file():
    raise UserError(f'--{flag}={file}: there is no such file. {advice}')
  try:
    import torch
  except ImportError as error:
    raise UserError(f'--{flag} needs PyTorch: pip install -e ".[perceptual]"') from error
  digest = hashlib.sha256(file.read_bytes()).hexdigest()
  try:
    module = torch.jit.load(str(file), map_location='cpu').eval()
  except (RuntimeError, ValueError) as error:
    raise UserError(f'--{flag}={file} is not a TorchScript file. {advice}') from error
  return f'file {file.name}, sha256 {digest}', module


def _failures() -> tuple[type[Exception], ...]:
  """What a TorchScript module raises for arguments that it does not take."""
  import torch

  return RuntimeError, AttributeError, torch.jit.Error


def check_size(networks: Perceptual, size: tuple[int, int]) -> None:
  """Raises UserError if images of this height and width are too small for a network."""
  for flag, network, smallest in (
    ('lpips_weights', networks.vgg, SMALLEST_LPIPS),
    ('lpips_alex_weights', networks.alex, SMALLEST_LPIPS_ALEX),
  ):
    if network and min(size) < smallest:
      raise UserError(
        f'--{flag}: images of {size[0]}x{size[1]} are too small; this LPIPS needs {smallest} '
        'pixels a side.'
      )
