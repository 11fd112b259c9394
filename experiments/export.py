"""Exports a generator to a file that runs without this program.

  python -m experiments.export --workdir=RUN --format=onnx --output=model.onnx
  python -m experiments.export --workdir=RUN --format=stablehlo --output=model.stablehlo

The file maps pixels to pixels, of any height and width, as uint8 (or uint16, if the training images
were). The command runs the file and the model on images of the test split, or of --check_images,
and keeps the file only if no pixel differs by more than one gray level. To use the file, see
docs/how-to/export.md. --format=onnx needs the extra `onnx`.
"""

import dataclasses
import pathlib
from typing import TYPE_CHECKING

from absl import flags

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from experiments import flags as common

if TYPE_CHECKING:
  from cyclegan_jax.data.source import Dataset

_CHECKPOINT = common.define_checkpoint_flag()
_DIRECTION = common.define_direction_flag()
common.define_place_flags()
flags.adopt_module_key_flags(common)
_FORMAT = flags.DEFINE_enum(
  'format',
  None,
  ['stablehlo', 'onnx'],
  'stablehlo: for JAX on any platform; onnx: for ONNX Runtime.',
)
_OUTPUT = flags.DEFINE_string('output', None, 'The file to write.')
_BITS = flags.DEFINE_enum(
  'bits',
  None,
  ['8', '16'],
  'Bits of the output pixels; by default those of the training images. The input always has the '
  'bits of the training images.',
)
_CHECK_IMAGES = flags.DEFINE_string(
  'check_images', None, 'Folder of images to check the file on, instead of the test split.'
)
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Replace an existing file.')


def main() -> None:
  """Writes the file, and keeps it if it gives the same pixels as the model."""
  workdir = common.workdir()
  if not _FORMAT.value or not _OUTPUT.value:
    raise UserError('--format and --output are needed: stablehlo or onnx, and the file to write.')
  output = files.expanded(_OUTPUT.value)
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.inference import export, export_check, model as model_lib

  export.check_output(output, _OVERWRITE.value)
  export.load_format(_FORMAT.value)
  model = model_lib.load(workdir, _CHECKPOINT.value)
  direction = _DIRECTION.value or model.direction
  if folder := common.path(_CHECK_IMAGES.value):
    examples = export_check.examples_from_folder(folder)
  else:
    dataset = _dataset(workdir, model.config.data)
    examples = export_check.examples_from_dataset(dataset, direction.split('_to_')[0])
  export.export(
    model,
    direction,
    _FORMAT.value,
    output,
    bits=int(_BITS.value or 0),
    examples=examples,
    checkpoint=_CHECKPOINT.value,
    overwrite=_OVERWRITE.value,
  )


def _dataset(workdir: pathlib.Path, config: DataConfig) -> 'Dataset':
  """Opens the data set of a run."""
  from cyclegan_jax.runs import run_folder
  import datasets

  try:
    config = dataclasses.replace(config, **common.moved())
    dataset = datasets.open_dataset(config, run_folder.prepared(workdir))
    run_folder.check_data(workdir, dataset)
  except UserError as error:
    raise UserError(
      f"The file is checked on images of the run's test split, but: {error}\nOr check it on other "
      'images: --check_images=FOLDER.'
    ) from error
  return dataset


if __name__ == '__main__':
  common.run(main)
