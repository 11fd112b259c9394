"""The comparison of an exported file with the model that it was made of."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import pathlib
import types
from typing import NamedTuple

import numpy as np

from cyclegan_jax.data import layers as layers_lib
from cyclegan_jax.data.source import Dataset, evenly_spaced
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, walk
from cyclegan_jax.inference.export.program import Program, Run
from cyclegan_jax.inference.scene import Scene, stacked

# The largest difference allowed, by the largest pixel value: one gray level of 8 bits, or a
# sixteenth of that for 16 bits. Another order of sums changes at most one level of 65536 in the
# models tried, but more where instance norm amplifies what is nearly flat.
TOLERANCES = {255: 1, 65535: 16}
# Sizes that no stride divides; the largest side of whole images, to limit the time of a check.
_ODD_SIZES = ((37, 53), (1, 1))
_LARGEST_SIDE = 512
_N_EXAMPLES, _BATCH = 4, 3


class Example(NamedTuple):
  """An image to compare on.

  Attributes:
    name: Its name.
    pixels: uint8 or uint16 [height, width, channels].
    layers: Of its scene, [height, width] each, see data/layers.py; {} if there are none.
  """

  name: str
  pixels: np.ndarray
  layers: Mapping[str, np.ndarray] = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Difference:
  """The difference between the pixels of an exported file and those of the model.

  Attributes:
    largest: in gray levels of the output, which end at `limit`.
    share: of the `n` values that differ at all, 0 to 1.
  """

  largest: int
  share: float
  n: int
  limit: int

  def __str__(self) -> str:
    return (
      f'largest difference {self.largest} of {self.limit} gray levels, {100 * self.share:.3g} % of '
      f'{self.n:,} values differ'
    )


def examples_from_folder(folder: pathlib.Path) -> list[Example]:
  """Reads some images of a folder, spread evenly over it; UserError if it has none."""
  if not folder.is_dir():
    raise UserError(f'--check_images={folder} is not a folder.')
  named = [f for f in walk.files_below(folder) if walk.extension(f.path) in images.EXTENSIONS]
  found = sorted(pathlib.Path(file.path) for file in named if file.is_regular)
  if not found:
    raise UserError(f'--check_images={folder} holds no images ({", ".join(images.EXTENSIONS)}).')
  chosen = [found[i] for i in evenly_spaced(len(found), _N_EXAMPLES)]
  return [Example(str(file), images.read_image(file)) for file in chosen]


def examples_from_dataset(dataset: Dataset, domain: str) -> list[Example]:
  """Reads some images with their layers of the test split, or of another if that is empty."""
  records = next(
    records
    for name in ('test', 'validation', 'train')
    if name in dataset.splits and len(records := getattr(dataset.splits[name], domain))
  )
  chosen = [records[i] for i in evenly_spaced(len(records), _N_EXAMPLES)]
  names = [record['id'].decode() for record in chosen]
  return [
    Example(name, images.read_image(record[domain], name), layers_lib.read(record, name))
    for name, record in zip(names, chosen)
  ]


def compare(run: Run, program: Program, examples: Sequence[Example]) -> Difference:
  """Runs an exported file and the model on whole images and on batches of odd sizes.

  Images of a single value are run, too, but not compared if the model has instance norm. It divides
  by their contrast, which consists of rounding errors, in the model as well.

  Raises:
    UserError: the shapes or dtypes differ, or every image is of a single value.
  """
  model, bits = program.model, 8 * program.dtypes[1].itemsize
  differences = []
  for batch in _batches(program, examples):
    # One by one: the translation of an image must not depend on its batch.
    want = np.concatenate(
      [model.translate_scenes([one], program.direction, bits=bits, tile=0) for one in batch]
    )
    pixels, layers = stacked(batch)
    got = run(pixels, **layers)
    if got.shape != want.shape or got.dtype != want.dtype:
      raise UserError(
        f'The exported file returns {got.dtype} {got.shape}, the model {want.dtype} {want.shape}. '
        'Please report this.'
      )
    apart = np.abs(got.astype(int) - want)
    if model.config.model.norm == 'instance' or model.has_styles:
      apart = apart[np.ptp(pixels, (1, 2)).any(1)]
    differences.append(apart.ravel())
  apart = np.concatenate(differences)
  if not apart.size:
    raise UserError(
      'Every image to compare on has a single value. Give other images with --check_images.'
    )
  return Difference(int(apart.max()), float(np.mean(apart > 0)), apart.size, program.limit)


def _batches(program: Program, examples: Sequence[Example]) -> Iterator[list[Scene]]:
  """Yields whole images, one by one, and batches of odd sizes."""
  scenes = [_scene(program, example) for example in examples]
  for scene in scenes[:_N_EXAMPLES]:
    yield [_cut(scene, _LARGEST_SIDE, _LARGEST_SIDE)]
  smallest = np.min([scene.pixels.shape[:2] for scene in scenes], axis=0)
  for size in _ODD_SIZES:
    height, width = np.minimum(size, smallest)
    yield [_cut(scenes[i % len(scenes)], height, width) for i in range(_BATCH)]


def _scene(program: Program, example: Example) -> Scene:
  """The pixels and the layers that a file takes, in its channels and its bit depth."""
  source, _ = program.domains
  pixels = images.for_domain(example.pixels, source.name, source.channels, example.name)
  layers = {name: example.layers[name].astype(kind) for name, kind in program.layers.items()}
  return Scene(source.quantize(source.rescale(pixels)), layers)


def _cut(scene: Scene, height: int, width: int) -> Scene:
  layers = {name: plane[:height, :width] for name, plane in scene.layers.items()}
  return Scene(scene.pixels[:height, :width], layers)
