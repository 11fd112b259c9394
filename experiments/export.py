"""Writes a generator to a file that runs without this program, and tries that file.

  python -m experiments.export --workdir=RUN --format=onnx --output=model.onnx
  python -m experiments.export --workdir=RUN --format=stablehlo --output=model.stablehlo

Pixels go into the file and pixels come out, of any height and width, uint8 (or uint16, where the
images of the training were). The file is run beside the model on images of the test split, or of
--check_images, and kept only if no pixel is off by more than one gray level. How to use it:
docs/exporting.md. --format=onnx needs the extra onnx.
"""

import dataclasses
import pathlib

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common

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
  'Bits of the pixels that come out; by default '
  "those of the training images. Those that go in are the training's.",
)
_CHECK_IMAGES = flags.DEFINE_string(
  'check_images', None, 'Folder of images to try the file on, instead of the test split.'
)
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Replace a file that is there.')

# Images the file is tried on.
_N_IMAGES = 4


def main() -> None:
  workdir = common.workdir()
  if not _FORMAT.value or not _OUTPUT.value:
    raise UserError('--format and --output are needed: stablehlo or onnx, and the file to write.')
  output = common.path(_OUTPUT.value)
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.inference import export, model as model_lib

  export.check_output(output, _OVERWRITE.value)
  export.check_format(_FORMAT.value)
  examples = _from_folder(common.path(_CHECK_IMAGES.value)) if _CHECK_IMAGES.value else None
  model = model_lib.load(workdir, _CHECKPOINT.value)
  model.translator(_DIRECTION.value)
  if examples is None:
    examples = _from_run(workdir, model.config.data, _DIRECTION.value.split('_to_')[0])
  export.export(
    model,
    _DIRECTION.value,
    _FORMAT.value,
    output,
    bits=int(_BITS.value or 0),
    examples=examples,
    checkpoint=_CHECKPOINT.value,
    overwrite=_OVERWRITE.value,
  )


def _from_folder(folder: pathlib.Path) -> list:
  """Name and pixels of some images of a folder, spread evenly over it."""
  from cyclegan_jax.data import images

  if not folder.is_dir():
    raise UserError(f'--check_images={folder} is not a folder.')
  found = sorted(
    file
    for file in folder.rglob('*')
    if file.suffix.lower() in images.EXTENSIONS and file.is_file()
  )
  if not found:
    raise UserError(f'--check_images={folder} holds no images ({", ".join(images.EXTENSIONS)}).')
  return [(str(found[i]), images.read_image(found[i])) for i in _spread(len(found))]


def _from_run(workdir: pathlib.Path, config, domain: str) -> list:
  """Likewise of the test split, or of another one if it is empty."""
  from cyclegan_jax.data import images
  from cyclegan_jax.runs import run_folder
  import datasets

  try:
    dataset = datasets.open_dataset(dataclasses.replace(config, **common.moved()))
    run_folder.check_data(workdir, dataset)
  except UserError as error:
    raise UserError(
      f"The file is tried on images of the run's test split, but: {error}\nOr try it "
      'on other images: --check_images=FOLDER.'
    ) from error
  records = next(
    records
    for name in ('test', 'validation', 'train')
    if name in dataset.splits and len(records := getattr(dataset.splits[name], domain))
  )
  chosen = [records[i] for i in _spread(len(records))]
  return [
    (record['id'].decode(), images.read_image(record[domain], record['id'].decode()))
    for record in chosen
  ]


def _spread(n: int) -> list[int]:
  import numpy as np

  return np.linspace(0, n - 1, min(n, _N_IMAGES)).round().astype(int).tolist()


if __name__ == '__main__':
  common.run(main)
