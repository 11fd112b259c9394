"""Turns RGB images into infrared ones with a trained model.

  python -m experiments.translate --workdir=RUN --input=PHOTOS --output=IR
  python -m experiments.translate --workdir=RUN --input=a.jpg --output=a_ir.png

Images may have any size and keep it: they are not resized to the size of training, so objects
should be about as large in pixels as they were there. The results are PNG files, with one channel
for IR (or --ir_channels of the training).
"""

import sys

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common

flags.adopt_module_key_flags(common)
_INPUT = flags.DEFINE_string('input', None, 'An image, or a folder that is walked.')
_OUTPUT = flags.DEFINE_string('output', None, 'A folder; or a .png file for a single image.')
_DIRECTION = flags.DEFINE_enum('direction', 'rgb_to_ir', ['rgb_to_ir', 'ir_to_rgb'],
                               'Which generator to use.')
_CHECKPOINT = flags.DEFINE_string('checkpoint', 'best',
                                  'best (by the validation metric), latest, or a step.')


def main() -> int:
  workdir = common.workdir()
  if not _INPUT.value or not _OUTPUT.value:
    raise UserError('--input and --output are needed: what to translate, and where to.')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.inference import translate
  source, output = common.path(_INPUT.value), common.path(_OUTPUT.value)
  translate.plan(source, output)
  model = model_lib.load(workdir, _CHECKPOINT.value)
  failures = translate.translate_files(model, source, output, _DIRECTION.value)
  for message in failures:
    print(f'error: {message}', file=sys.stderr)
  return common.EXIT_USER_ERROR if failures else 0


if __name__ == '__main__':
  common.run(main)
