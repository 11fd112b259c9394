"""Translates RGB images to infrared ones with a trained model.

  python -m experiments.translate --workdir=RUN --input=PHOTOS --output=IR
  python -m experiments.translate --workdir=RUN --input='photos/*.jpg' --input=more --output=IR
  python -m experiments.translate --workdir=RUN --input=a.jpg --output=a_ir.png
  python -m experiments.translate --workdir=RUN --input=drive.mp4 --output=drive_ir.mkv
  python -m experiments.translate --workdir=RUN --input=- --output=- < a.jpg > a_ir.png
  python -m experiments.translate --workdir=RUN --input=a --output=b --temperature=person=34
  python -m experiments.translate --workdir=RUN --input=a --output=b --style=camera/0001.png
  python -m experiments.translate --workdir=RUN --input=a --depth_dir=d --label_dir=l --output=b

A model that was trained with --direction=ir_to_rgb translates infrared images to RGB ones.

Images of any size keep their size. Objects should be about as large in pixels as they were in
training; --at_size=training resizes images to the size of training, and their translations back.
Existing results are kept, so the same command
continues where it was interrupted. Under srun or mpirun with several tasks, or with
--coordinator_address, --num_processes and --process_id, processes share the files out among them.
More: docs/how-to/translate.md.
"""

import contextlib
import pathlib
import sys
from typing import TYPE_CHECKING

from absl import flags

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from experiments import flags as common, model_flags, processes

if TYPE_CHECKING:
  from cyclegan_jax.inference.files.layer_files import LayerFiles
  from cyclegan_jax.inference.files.outputs import OutputOptions
  from cyclegan_jax.inference.translate import Asked

model_flags.define_model_flag()
_CHECKPOINT = model_flags.define_checkpoint_flag()
_DIRECTION = model_flags.define_direction_flag()
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(processes)
_INPUT = flags.DEFINE_multi_string(
  'input',
  [],
  "An image, a video, a folder, or a quoted pattern such as 'photos/*.jpg'. Repeat the flag for "
  'more. - reads one image from standard input.',
)
_OUTPUT = flags.DEFINE_string(
  'output',
  '',
  'A folder; or, for a single file, the name of the result: .png (.tif), for videos .mkv. - writes '
  'to standard output.',
)
_RECURSIVE = flags.DEFINE_boolean('recursive', True, 'Search subfolders.')
_BITS = flags.DEFINE_enum(
  'bits',
  None,
  ['8', '16'],
  'Bits of the results; by default those of the training images. With 16, an 8-bit model also '
  'keeps what lies between its gray levels.',
)
_VALUES = flags.DEFINE_boolean(
  'values',
  False,
  "IR images hold the values of the training's files instead of gray levels: counts of a camera as "
  '16 bits, degrees as floating-point numbers (--format=tiff). For models trained with --ir_span '
  'or --ir_range.',
)
_FORMAT = flags.DEFINE_enum('format', 'png', ['png', 'tiff'], 'File format of images.')
_TILE = flags.DEFINE_integer(
  'tile',
  None,
  'Side of the tiles that images are cut into, in pixels; 0 never cuts. By default only images '
  'that would take more than half of the memory are cut.',
  lower_bound=0,
)
_OVERLAP = flags.DEFINE_integer(
  'overlap', None, 'Overlap of tiles in pixels; by default what the network needs.', lower_bound=0
)
_AT_SIZE = flags.DEFINE_enum(
  'at_size',
  'own',
  ['own', 'training'],
  'own: images are translated at their own size; training: they are resized to the size of '
  'training, and their translations back.',
)
_TEMPERATURE = flags.DEFINE_string(
  'temperature',
  '',
  'What a model that was trained with --condition is told, such as person=34,background=12: names '
  'of classes, background for all others, in degrees where gray levels have a meaning (--ir_range, '
  'or the synthetic data), otherwise in gray levels. By default the means of training.',
)
_STYLE = flags.DEFINE_string(
  'style',
  '',
  'An IR image file whose look and level the results are to have, with a model that was trained '
  'with --preset=exemplar. By default the mean style of training.',
)
_DEPTH_DIR = flags.DEFINE_string(
  'depth_dir',
  '',
  'Depth images of the images, which have their names, for a model that was trained with '
  '--inputs=rgb,depth or others with depth: a folder, or a file for a single image.',
)
_LABEL_DIR = flags.DEFINE_string(
  'label_dir',
  '',
  'Labels likewise, for a model that sees labels: images of class indices, and 255 for no label; '
  'or YOLO or COCO files.',
)
_DEPTH_UNIT = flags.DEFINE_enum(
  'depth_unit', None, ['mm', 'cm', 'm'], 'Of the numbers in depth images. [cm]'
)
_COLORMAP = flags.DEFINE_string(
  'colormap', '', 'Also write previews in this color map of Matplotlib to OUTPUT_COLORMAP.'
)
_GRAY = flags.DEFINE_string(
  'gray_control', '', 'Also write the luminance of the RGB images to this folder, as a control.'
)
_ANNOTATIONS = flags.DEFINE_multi_string(
  'annotations',
  [],
  'COCO or YOLO annotations (a file, a folder) to copy to the results. Repeat the flag for more.',
)
_KEEP_METADATA = flags.DEFINE_boolean(
  'keep_metadata',
  False,
  'Results keep where images were taken: GPS of EXIF and the map tags of GeoTIFF. Private, so off.',
)
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Translate existing results again.')


def main() -> int:
  """Translates the inputs; returns the exit status."""
  workdir = model_flags.model_folder()
  if not _OUTPUT.value:
    raise UserError('--output is missing: a folder, or the file of a single result.')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import distributed
  from cyclegan_jax.inference import translate
  from cyclegan_jax.inference.files import layer_files, outputs
  from cyclegan_jax.runs import run_folder
  from datasets import temperatures

  model = run_folder.load_config(workdir).model
  direction = _DIRECTION.value or model.direction
  command = translate.asked(_TEMPERATURE.value, _STYLE.value, temperatures.scale)
  layers = layer_files.parse(_DEPTH_DIR.value, _LABEL_DIR.value, _DEPTH_UNIT.value)
  options = outputs.OutputOptions(
    files.expanded(_OUTPUT.value),
    direction,
    int(_BITS.value) if _BITS.value else None,
    _TILE.value,
    _OVERLAP.value,
    _FORMAT.value,
    _COLORMAP.value,
    common.path(_GRAY.value),
    _OVERWRITE.value,
    _AT_SIZE.value == 'training',
    _KEEP_METADATA.value,
    _VALUES.value,
  )
  if '-' in (*_INPUT.value, _OUTPUT.value):
    (source,) = layers.inputs(model, _one_input(options))
    if _OUTPUT.value != '-':
      layers.check_output(options.output)
    return _translate_stream(workdir, source, options, command, layers)
  failures = translate.run(
    workdir,
    _INPUT.value,
    options,
    checkpoint=_CHECKPOINT.value,
    recursive=_RECURSIVE.value,
    annotations=_ANNOTATIONS.value,
    command=command,
    layers=layers,
  )
  if distributed.is_first():
    for message in failures:
      print(f'error: {message}', file=sys.stderr)
  return common.EXIT_USER_ERROR if failures else 0


def _one_input(options: 'OutputOptions') -> list[str]:
  """Returns --input, none or one, if the other flags are for one image from or to a stream."""
  from cyclegan_jax import distributed

  if distributed.joined():
    raise UserError(
      '- is one image, which several processes cannot share. Run it in one (--nodistributed).'
    )
  if options.keep_metadata:
    raise UserError('--keep_metadata needs files: give --input and --output as files, not -.')
  if len(_INPUT.value) > 1 or options.colormap or options.gray_control or _ANNOTATIONS.value:
    raise UserError(
      '- is one image: give one --input, and no --colormap, --gray_control or --annotations.'
    )
  return _INPUT.value


def _translate_stream(
  workdir: pathlib.Path,
  text: str,
  options: 'OutputOptions',
  command: 'Asked | None',
  layers: 'LayerFiles',
) -> int:
  """Translates one image from or to a stream; all messages go to standard error."""
  from cyclegan_jax.inference import translate

  with contextlib.redirect_stdout(sys.stderr):
    if text == '-' and sys.stdin is None:
      raise UserError('--input=-: standard input is closed. Give an image there, or its file.')
    if text == '-':
      name, source = 'standard input', sys.stdin.buffer.read()
    else:
      name, source = text, files.expanded(text)
    data = translate.translate_one(
      workdir, source, name, options, _CHECKPOINT.value, command, layers
    )
  if _OUTPUT.value == '-':
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
  else:
    files.write_bytes(options.output, data)
  return 0


if __name__ == '__main__':
  common.run(main, surrounding=processes.together)
