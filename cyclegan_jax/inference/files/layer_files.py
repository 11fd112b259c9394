"""The files of layers that belong to images to translate, by name: --depth_dir and --label_dir.

Depth images hold whole or floating-point numbers, in --depth_unit; what is not above 0, or no
number, is not known. For labels see label_files.py.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import pathlib

import numpy as np

from cyclegan_jax import files as files_lib
from cyclegan_jax.data import layers as layers_lib, planes
from cyclegan_jax.data.boxes import LabelFile
from cyclegan_jax.data.layers import DEPTH
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import reading
from cyclegan_jax.image_files.decoding import ImageError, Source
from cyclegan_jax.inference.files import counterparts, label_files
from cyclegan_jax.inference.files.inputs import Job
from cyclegan_jax.settings import ModelConfig

FLAGS: Mapping[str, str] = {DEPTH: '--depth_dir', 'labels': '--label_dir'}
_IMAGE = {DEPTH: 'depth image', 'labels': 'label image'}
_FIND: Mapping[str, Callable[..., Mapping[int, LabelFile]]] = {
  DEPTH: counterparts.find,
  'labels': label_files.find,
}
# In meters.
UNITS: Mapping[str, float] = {'mm': 0.001, 'cm': 0.01, 'm': 1.0}
_UNIT = 'cm'


@dataclasses.dataclass(frozen=True)
class LayerFiles:
  """Where the layers of images are.

  Attributes:
    places: Layer -> a folder of files named like the images, or the file of a single image.
    depth_unit: Of the numbers in depth files, a name in UNITS.
  """

  places: Mapping[str, pathlib.Path] = dataclasses.field(default_factory=dict)
  depth_unit: str = _UNIT

  def inputs(self, model: ModelConfig, given: Sequence[str]) -> list[str]:
    """Returns what is translated: the inputs, or the first layer's files if no RGB is seen.

    Raises:
      UserError: The model sees other layers, or no RGB images but some are given.
    """
    kinds, what = model.input_kinds, f'this model sees {model.inputs} (--inputs)'
    for layer, flag in FLAGS.items():
      if layer in self.places and layer not in kinds:
        raise UserError(f'{flag}={self.places[layer]}: {what}. Leave {flag} out.')
      if layer not in self.places and layer in kinds:
        raise UserError(
          f'{flag} is missing: {what}. Give the folder of the {_IMAGE[layer]}s, which have the '
          'names of the images that they belong to.'
        )
    first = _first(model)
    if not first and not given:
      raise UserError('--input is missing: what to translate, such as a folder of images.')
    if not first:
      return list(given)
    if given:
      raise UserError(
        f'--input={given[0]}: {what}, and no photographs. Leave --input out: the files of '
        f'{FLAGS[first]} are translated.'
      )
    return [str(self.places[first])]

  def check_output(self, output: pathlib.Path) -> None:
    """Raises UserError if results would be among the files of a layer."""
    for layer, place in self.places.items():
      if output.resolve().is_relative_to(place.resolve()):
        raise UserError(
          f'--output={output} lies inside {FLAGS[layer]}={place}: the results would be the next '
          'inputs. Choose a place outside.'
        )

  def of_jobs(self, jobs: Sequence[Job], model: ModelConfig) -> tuple[Job, ...]:
    """Returns jobs with the files of their layers, which have their names, or the end of them.

    A job without a file of a layer stays without: it is named when it is translated.

    Raises:
      UserError: A job is a video, or would replace a file; no file fits, several fit, or one fits
        several jobs.
    """
    if video := next((job for job in jobs if self.places and job.is_video), None):
      raise UserError(
        f'{video.source} is a video, and videos have no {" and no ".join(self.places)}. Translate '
        'its frames as images, as from ffmpeg -i FILE frames/%06d.png'
      )
    first = _first(model)
    found = {
      layer: {i: job.source for i, job in enumerate(jobs)}
      if layer == first
      else _FIND[layer](place, counterparts.listed(place), jobs, FLAGS[layer])
      for layer, place in self.places.items()
    }
    taken = {label_files.path_of(file).resolve() for of in found.values() for file in of.values()}
    if lost := next((job.target for job in jobs if taken and job.target.resolve() in taken), None):
      raise UserError(f'{lost} is a layer and would be replaced. Choose another --output.')
    return tuple(
      dataclasses.replace(job, layers={key: of[i] for key, of in found.items() if i in of})
      for i, job in enumerate(jobs)
    )

  def of_one(self, source: Source, model: ModelConfig) -> Mapping[str, LabelFile]:
    """Returns the files of the layers of one image, a path or the content of a file.

    Raises:
      UserError: A folder is given where nothing names the image; see also `of_jobs`.
    """
    for layer, place in self.places.items():
      if place.is_dir() and (isinstance(source, bytes) or layer == _first(model)):
        raise UserError(
          f'{FLAGS[layer]}={place} is a folder. With - as --input or --output, which is one image, '
          'give a file.'
        )
    if isinstance(source, bytes):
      return self.places
    path = pathlib.Path(source)
    job = Job(path, pathlib.Path('-'), pathlib.Path(path.name))
    return self.of_jobs([job], model)[0].layers

  def read(
    self,
    inputs: Inputs,
    files: Mapping[str, LabelFile],
    name: str,
    size: tuple[int, ...] | None = None,
  ) -> dict[str, np.ndarray]:
    """Reads the layers of an image as a model sees them, [height, width] each; see data/layers.py.

    Args:
      inputs: What the model sees.
      files: Layer -> its file.
      name: That of the image.
      size: Height and width of the image; None if there is none, but layers alone.

    Raises:
      UserError: A file is missing, cannot be read, or has another size or classes.
    """
    found: dict[str, np.ndarray] = {}
    for layer in inputs.layers:
      if layer not in files:
        raise UserError(
          f'{name}: no {_IMAGE[layer]} of this name in {FLAGS[layer]}={self.places[layer]}. Name '
          'it like the image, but for the extension.'
        )
      file = files[layer]
      if layer == DEPTH:
        plane = self._depth(label_files.path_of(file))
      else:
        plane = label_files.read(file, inputs, name, size)
      found[layer], size = plane, size or plane.shape
      if plane.shape != size:
        raise UserError(
          f'{file} has {plane.shape[1]}x{plane.shape[0]} pixels, but {name} has '
          f'{size[1]}x{size[0]}. Expected the same size and view: make the {_IMAGE[layer]} for it.'
        )
    return found

  def _depth(self, file: pathlib.Path) -> np.ndarray:
    """Reads depth as uint16 in hundredths of a meter, 0 where it is not known."""
    array = reading.read(file, values=True).pixels
    if array.shape[-1] != 1 or array.dtype == np.uint8:
      raise ImageError(
        f'{file}: {array.shape[-1]} channel(s) of {8 * array.itemsize} bits. Expected a depth '
        'image: one channel of 16 bits or of floating-point numbers, PNG or TIFF, in --depth_unit. '
        'Pictures of depth for the eye do not say how far away things are.'
      )
    meters = array[..., 0].astype(np.float64) * UNITS[self.depth_unit]
    depth = layers_lib.from_steps(meters * layers_lib.STEPS_PER_METER)
    farthest = depth.max() / layers_lib.STEPS_PER_METER
    if 0 < farthest < planes.NEAR:
      raise ImageError(
        f'{file}: all is within {farthest:g} m with --depth_unit={self.depth_unit}, and models '
        f'tell {planes.NEAR:g} to {planes.FAR:g} m apart. Give the unit of its numbers: '
        f'{", ".join(UNITS)}.'
      )
    return depth


NONE = LayerFiles()


def input_flag(model: ModelConfig) -> str:
  """Returns the flag that names what a model translates."""
  return FLAGS[_first(model)] if _first(model) else '--input'


def parse(depth_dir: str, label_dir: str, depth_unit: str | None = None) -> LayerFiles:
  """Returns what the flags of these names say; '' and None for those that are not given.

  Raises:
    UserError: A file or folder does not exist, or a unit is unknown, or given without depth.
  """
  places = {}
  for layer, text in ((DEPTH, depth_dir), ('labels', label_dir)):
    if not text:
      continue
    places[layer] = files_lib.expanded(text)
    if not places[layer].exists():
      raise UserError(
        f'{FLAGS[layer]}={text} does not exist. Give the folder of the {_IMAGE[layer]}s, or '
        'a file for a single image.'
      )
  if depth_unit and depth_unit not in UNITS:
    raise UserError(f'--depth_unit={depth_unit}: expected {", ".join(UNITS)}.')
  if depth_unit and not depth_dir:
    raise UserError(f'--depth_unit={depth_unit} is for --depth_dir. Leave it out, or give both.')
  return LayerFiles(places, depth_unit or _UNIT)


def _first(model: ModelConfig) -> str:
  """The layer whose files are translated by a model that sees no RGB images; '' of others."""
  return '' if 'rgb' in model.input_kinds else model.input_kinds[0]
