"""Writes radiometric files of thermal cameras as plain folders of RGB and IR images.

  python -m experiments.camera --source_dir=PHOTOS --output=DIR

Writes, under the names of the files:

  DIR/rgb/*.png       the photograph, as far as the thermal image covers it, in its size
  DIR/ir/*.png        temperatures in 16 bits, linear over one span for all files
  DIR/mask/*.png      0 where one of the two has no data; only for files that have such pixels
  DIR/parameters.csv  what the camera recorded about each file, and the span

The span is in the metadata of each IR image, too. Training with --dataset=camera needs none of
this: it reads the files themselves. Needs the extra `camera`.
"""

import pathlib
import shlex
from typing import TYPE_CHECKING

from absl import flags

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from experiments import flags as common

if TYPE_CHECKING:
  from datasets.camera.survey import Survey

common.define_fields(('source_dir', 'ir_span', 'align'))
flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string('output', None, 'The folder to write to.')
_OVERWRITE = flags.DEFINE_boolean(
  'overwrite', False, 'Write to a folder that has files; those of the same names are replaced.'
)


def main() -> None:
  """Writes the folders and says how to train with them."""
  given = common.given(('source_dir', 'ir_span', 'align'))
  output = common.path(_OUTPUT.value)
  if not given.get('source_dir') or output is None:
    raise UserError('--source_dir and --output are needed: the files, and the folder to write to.')
  if output.is_file():
    raise UserError(f'--output={output} is a file; give a folder.')
  if output.is_dir() and any(output.iterdir()) and not _OVERWRITE.value:
    raise UserError(f'--output={output} has files. Choose another folder, or give --overwrite.')
  # Late, so that --help and bad flags answer at once.
  from datasets.camera import files as source_files, folders, parameters, rjpeg, survey

  rjpeg.flyr()
  source = files.expanded(given['source_dir'])
  align = given.get('align', survey.ALIGN[0])
  chosen = source_files.find(source)
  found = survey.survey(str(source), chosen, given.get('ir_span', ''), align)
  print(survey.summary(found))
  for note in (*survey.notes(found), *parameters.disagreements(found.files)):
    print(note)
  try:
    folders.write(found, output, print)
  except OSError as error:
    raise UserError(f'--output={output} cannot be written: {error.strerror or error}.') from error
  print(f'Wrote {output}. Next: {_training(output, found)}')


def _training(output: pathlib.Path, found: 'Survey') -> str:
  """The command that trains with the folders."""
  from cyclegan_jax.runs import next_step

  paired = '--paired' if found.pairs else '--nopaired'
  data = ['--dataset=folder', f'--source_dir={output}', paired, f'--ir_range={found.span.text}']
  return f'{next_step.PROGRAM}train {shlex.join(data)}'


if __name__ == '__main__':
  common.run(main, compiles=False)
