"""Exports a generator to a file that runs without this program.

  python -m experiments.export --workdir=RUN --format=onnx --output=model.onnx
  python -m experiments.export --workdir=RUN --format=stablehlo --output=model.stablehlo

The file maps pixels to pixels, of any height and width, as uint8 (or uint16, if the training images
were). The command runs the file and the model on images of the test split, or of --check_images,
and keeps the file only if no pixel differs by more than one gray level. To use the file, see
docs/how-to/export.md. --format=onnx needs the extra `onnx`.
"""

from absl import flags

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from experiments import checking, flags as common, model_flags

model_flags.define_model_flag()
_CHECKPOINT = model_flags.define_checkpoint_flag()
_DIRECTION = model_flags.define_direction_flag()
model_flags.define_place_flags()
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
  workdir = model_flags.model_folder()
  if not _FORMAT.value or not _OUTPUT.value:
    raise UserError('--format and --output are needed: stablehlo or onnx, and the file to write.')
  output = files.expanded(_OUTPUT.value)
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.inference.export import export

  export.check_output(output, _OVERWRITE.value)
  export.load_format(_FORMAT.value)
  model = model_lib.load(workdir, _CHECKPOINT.value)
  direction = _DIRECTION.value or model.direction
  data = model_flags.moved(model.config.data)
  examples = checking.examples(workdir, data, direction, common.path(_CHECK_IMAGES.value))
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


if __name__ == '__main__':
  common.run(main)
