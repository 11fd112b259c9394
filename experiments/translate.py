"""Turns RGB images into infrared ones with a trained model.

  python -m experiments.translate --workdir=RUN --input=PHOTOS --output=IR
  python -m experiments.translate --workdir=RUN --input='photos/*.jpg' --input=more --output=IR
  python -m experiments.translate --workdir=RUN --input=a.jpg --output=a_ir.png
  python -m experiments.translate --workdir=RUN --input=drive.mp4 --output=drive_ir.mkv
  python -m experiments.translate --workdir=RUN --input=- --output=- < a.jpg > a_ir.png

Images may have any size and keep it: they are not resized to the size of training, so objects
should be about as large in pixels as they were there. What exists is kept, so the same command
goes on where it was interrupted. Under srun or mpirun with several tasks, or with
--coordinator_address, --num_processes and --process_id, processes share the files out among them.
More: docs/translating.md.
"""

import contextlib
import sys

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common, processes

_CHECKPOINT = common.define_checkpoint_flag()
_DIRECTION = common.define_direction_flag()
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(processes)
_INPUT = flags.DEFINE_multi_string(
  'input',
  None,
  "An image, a video, a folder, or a quoted pattern such as 'photos/*.jpg'; may "
  'be given several times. - is one image from standard input.',
)
_OUTPUT = flags.DEFINE_string(
  'output',
  None,
  'A folder; or for a single file the name of the result, .png (.tif), for '
  'videos .mkv. - is standard output.',
)
_RECURSIVE = flags.DEFINE_boolean('recursive', True, 'Walk folders with their sub-folders.')
_BITS = flags.DEFINE_enum(
  'bits',
  None,
  ['8', '16'],
  'Bits of the results; by itself those of the '
  "training images. 16 also keep what lies between an 8-bit model's gray "
  'levels.',
)
_FORMAT = flags.DEFINE_enum('format', 'png', ['png', 'tiff'], 'File format of images.')
_TILE = flags.DEFINE_integer(
  'tile',
  None,
  'Cut images into tiles of so many pixels a side; 0: never. By itself those that '
  'would take more than half of the memory.',
  lower_bound=0,
)
_OVERLAP = flags.DEFINE_integer(
  'overlap', None, 'Overlap of tiles in pixels; by itself what the network needs.', lower_bound=0
)
_COLORMAP = flags.DEFINE_string(
  'colormap',
  '',
  'Also write previews in false color, with this '
  'color map of Matplotlib, such as inferno, to OUTPUT_inferno.',
)
_GRAY = flags.DEFINE_string(
  'gray_control',
  '',
  'Also write the luminance of the RGB images, under '
  'the same names, to this folder: the control of a detector.',
)
_ANNOTATIONS = flags.DEFINE_multi_string(
  'annotations',
  [],
  'Annotations to carry over to the results: COCO (.json), YOLO (folder of '
  'labels, data.yaml); may be given several times.',
)
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Translate again what exists.')


def main() -> int:
  workdir = common.workdir()
  if not _INPUT.value or not _OUTPUT.value:
    raise UserError('--input and --output are needed: what to translate, and where to.')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import distributed
  from cyclegan_jax.inference import (
    annotations,
    inputs,
    metadata,
    model as model_lib,
    outputs,
    translate,
  )

  piped = '-' in (*_INPUT.value, _OUTPUT.value)
  output = common.path(_OUTPUT.value)
  settings = outputs.Settings(
    _DIRECTION.value,
    _BITS.value and int(_BITS.value),
    _TILE.value,
    _OVERLAP.value,
    _FORMAT.value,
    _COLORMAP.value,
    output.resolve().with_name(f'{output.resolve().stem}_{_COLORMAP.value}'),
    common.path(_GRAY.value),
    _OVERWRITE.value,
  )
  outputs.check(settings)
  if piped:
    return _one_image(workdir, settings)
  plan = inputs.plan(
    _INPUT.value, output, recursive=_RECURSIVE.value, suffix=inputs.FORMATS[settings.format]
  )
  model = model_lib.load(workdir, _CHECKPOINT.value)
  texts = metadata.texts(model, workdir, settings.direction, settings.bits)
  # One process's word on what is missing: others may be writing it already.
  jobs = distributed.broadcast(translate.check_existing(plan.jobs, settings, texts))
  log = distributed.on_first_process(print)
  if plan.left_out:
    log(
      'Left out, neither images nor videos: '
      + ', '.join(f'{n} {ending}' for ending, n in sorted(plan.left_out.items()))
      + '.'
    )
  if len(jobs) < len(plan.jobs):
    log(f'{len(plan.jobs) - len(jobs)} of {len(plan.jobs)} are there already.')
  if distributed.is_first():
    annotations.carry(
      _ANNOTATIONS.value, plan, [folder for folder in (output, settings.gray_control) if folder]
    )
  failures = sum(
    distributed.gather(
      translate.translate_files(model, distributed.share(jobs), settings, texts, log)
    ),
    [],
  )
  if failures and distributed.is_first():
    for message in failures:
      print(f'error: {message}', file=sys.stderr)
    print(
      f'error: {len(failures)} of {len(plan.jobs)} files could not be translated.', file=sys.stderr
    )
  return common.EXIT_USER_ERROR if failures else 0


def _one_image(workdir, settings) -> int:
  """Translates one image from or to a stream; lines for people go to standard error."""
  from cyclegan_jax import distributed, files
  from cyclegan_jax.data import images
  from cyclegan_jax.inference import metadata, model as model_lib, outputs

  if distributed.joined():
    raise UserError(
      '- stands for one image, which is nothing to share among processes: run it in '
      'one (--nodistributed).'
    )
  if len(_INPUT.value) > 1 or settings.colormap or settings.gray_control or _ANNOTATIONS.value:
    raise UserError(
      '- stands for one image: give one --input, and no --colormap, --gray_control '
      'or --annotations.'
    )
  with contextlib.redirect_stdout(sys.stderr):
    if _INPUT.value == ['-']:
      image = images.read_image(sys.stdin.buffer.read(), 'standard input')
    else:
      image = images.read_image(common.path(_INPUT.value[0]))
    model = model_lib.load(workdir, _CHECKPOINT.value)
    ready = outputs.prepared(model, image, settings, 'standard input')
    result = outputs.translated(model, ready[None], settings, 'standard input')[0]
    data = outputs.encode(
      result, settings.format, metadata.texts(model, workdir, settings.direction, settings.bits)
    )
  if _OUTPUT.value == '-':
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
  else:
    files.write_bytes(common.path(_OUTPUT.value), data)
  return 0


if __name__ == '__main__':
  common.run(main, surrounding=processes.together)
