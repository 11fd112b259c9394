"""Makes one HTML page about a run, or about several side by side.

  python -m experiments.report --workdir=RUN
  python -m experiments.report --workdir=RUN,OTHER_RUN --output=both.html

The page has settings, curves, figures of merit beside those of trivial guesses, a sortable table of
single images, and a gallery. It needs no other file and no server, unless --gallery=all puts the
pictures into a folder beside it. Measurements and gallery come from experiments.evaluate, which
writes the page of its run too; this command quickly writes it again, or for several runs.
"""

import pathlib

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common, model_flags

_CHECKPOINT = model_flags.define_checkpoint_flag()
flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'HTML file to write; required for several runs. [report.html in the run folder]'
)
_SPLIT = flags.DEFINE_enum(
  'split', 'test', ['train', 'validation', 'test'], 'Split whose measurements are shown.'
)
_GALLERY = model_flags.define_gallery_flag(
  'Most images shown as pictures, of those that experiments.evaluate kept (its --gallery). Each '
  'adds some 20 to 300 kB per run to the page. all: all of them, as files in a folder beside the '
  'page, such as report_files, that load as they come into view.'
)


def _folders(text: str) -> list[pathlib.Path]:
  """Returns the run folders between the commas of --workdir; their names may have commas, too."""
  parts, folders = text.split(','), []
  while parts:
    # The longest name that is a folder; if none is, the message about it comes later.
    joined = ((n, common.path(','.join(parts[:n]).strip())) for n in range(len(parts), 0, -1))
    n, folder = next(
      ((n, folder) for n, folder in joined if folder and folder.is_dir()),
      (1, common.path(parts[0].strip())),
    )
    if folder is None:
      raise UserError(f'--workdir={text}: a name between commas is missing.')
    folders.append(folder)
    parts = parts[n:]
  return folders


def main() -> None:
  """Writes the page of one run or several."""
  common.workdir()  # Fails if it is missing.
  folders = _folders(common.WORKDIR.value or '')
  output = common.path(_OUTPUT.value)
  if output is None and len(folders) > 1:
    raise UserError(
      '--output is missing: a page about several runs needs the name of its HTML file.'
    )
  n_gallery = model_flags.gallery(_GALLERY.value)
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.reports import run_page
  from cyclegan_jax.runs import run_folder

  if output is None:
    output = run_folder.page_of(folders[0], _SPLIT.value, _CHECKPOINT.value)
  print(run_page.write(folders, output, _SPLIT.value, n_gallery, _CHECKPOINT.value))


if __name__ == '__main__':
  common.run(main, compiles=False)
