"""Makes one HTML page about a run, or about several side by side.

  python -m experiments.report --workdir=RUN
  python -m experiments.report --workdir=RUN,OTHER_RUN --output=both.html

Settings, curves, figures of merit beside those of trivial guesses, a table of single images that
can be sorted, and a gallery. The page needs no other file and no server. Measurements and the
gallery are those of experiments.evaluate, which writes the page of its run too; this command
writes it again, or for several runs, and is quick.
"""

from absl import flags

from cyclegan_jax.errors import UserError
from experiments import flags as common

flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string(
  'output',
  None,
  'The HTML file. Of one run it may be left out: then it is report.html in the run folder.',
)
_SPLIT = flags.DEFINE_enum(
  'split', 'test', ['train', 'validation', 'test'], 'Whose measurements are shown.'
)
_GALLERY = flags.DEFINE_integer(
  'gallery',
  24,
  'The most images that are shown as pictures, of those that experiments.evaluate '
  'kept (its --gallery). Each adds some 10 to 100 kB per run to the page.',
  lower_bound=0,
)


def main() -> None:
  common.workdir()  # Complains if it is missing.
  folders = [common.path(name.strip()) for name in common.WORKDIR.value.split(',')]
  if None in folders:
    raise UserError(f'--workdir={common.WORKDIR.value}: a name between commas is missing.')
  output = common.path(_OUTPUT.value)
  if output is None and len(folders) > 1:
    raise UserError('--output is missing: name the HTML file for the page about several runs.')
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax.reports import run_page
  from cyclegan_jax.runs import run_folder

  print(
    run_page.write(folders, output or folders[0] / run_folder.PAGE, _SPLIT.value, _GALLERY.value)
  )


if __name__ == '__main__':
  common.run(main, compiles=False)
