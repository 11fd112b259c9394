"""The page about one run or several: measurements, gallery, images, curves, settings.

`write` makes it from what training and evaluation left in the run folders. `refresh` makes its
light version for training itself, without the parts that come from an evaluation.
"""

from collections.abc import Collection, Sequence
import contextlib
import datetime
import itertools
import pathlib
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import results as results_lib
from cyclegan_jax.metrics import unpaired
from cyclegan_jax.reports import charts, page, run_sections
from cyclegan_jax.runs import next_step, reader, run_folder
from cyclegan_jax.runs.reader import Run
from cyclegan_jax.settings import flatten, format_value

_ADVERSARIAL = ('discriminator_rgb', 'discriminator_ir', 'adversarial_rgb', 'adversarial_ir')
_KINDS = ('cycle', 'supervised', 'identity', 'ssim', 'gradient', 'reconstruction')
_DISTANCES = tuple(f'{kind}_{domain}' for kind in _KINDS for domain in ('rgb', 'ir'))
_PATCHES = ('nce_rgb', 'nce_ir', 'nce_identity_rgb', 'nce_identity_ir')
_CODES = ('content_rgb', 'content_ir', 'style_rgb', 'style_ir')
# Curves of one run: title, unit, file, columns. For several runs, each column has a chart.
_CHARTS = (
  ('Validation PSNR', 'dB', 'validation', ('psnr', 'psnr_pooled')),
  ('Validation SSIM and UQI', '', 'validation', ('ssim', 'uqi')),
  ('Unpaired error', '', 'validation', (unpaired.ERROR,)),
  ('Distances to real images', 'gray levels, dB', 'validation', unpaired.DISTANCES),
  ('Cycle errors', 'gray levels', 'validation', unpaired.CYCLE),
  ('Adversarial losses', '', 'training', _ADVERSARIAL),
  ('PatchNCE', 'cross entropy', 'training', _PATCHES),
  ('Distances', 'L1, or 1 - SSIM', 'training', _DISTANCES),
  ('Contents and styles of generated images', 'L1', 'training', _CODES),
)
_SCRIPTS = ('sort.js', 'wipe.js', 'gallery.js')


def write(
  folders: Sequence[pathlib.Path],
  output: pathlib.Path,
  split: str,
  n_gallery: int,
  checkpoint: str = 'best',
) -> str:
  """Writes the page about the runs in folders, whole or not at all.

  It shows the measurements of a checkpoint on a split, and at most n_gallery examples as pictures.

  Returns:
    A line for a person: where the page is, and its size.

  Raises:
    UserError: a folder holds no run, one of its files is damaged, or the page cannot be written.
  """
  text = render(reader.read(folders, split, checkpoint), split, n_gallery, checkpoint)
  try:
    files.write_text(output, text)
  except OSError as error:
    raise UserError(
      f'{output} cannot be written: {error.strerror}. Name another file with --output.'
    ) from error
  return f'Page: {output} ({len(text.encode()) / 1e6:.1f} MB)'


def refresh(folder: pathlib.Path) -> None:
  """Writes the light page of a run in training, in some milliseconds.

  If that is not possible, on a full disk for instance, the page stays as it was.
  """
  # Training is worth more than its page.
  with contextlib.suppress(OSError, UserError):
    files.write_text(folder / run_folder.PAGE, render(reader.read([folder], None), None, 0))


def render(runs: Sequence[Run], split: str | None, n_gallery: int, checkpoint: str = 'best') -> str:
  """Returns the page as text; see `write`. Without a split it is the light one."""
  measured = [run for run in runs if run.measurements]
  shown = run_sections.examples(measured, n_gallery)
  downstream = run_sections.downstream(runs) if split else []
  temperatures = run_sections.temperatures(measured)
  drawn = _charts(runs)
  samples = [sample for run in runs for sample in _latest_sample(run)]
  sections = {
    'results': (f'Measured on the {split} split', split),
    'temperatures': ('One image, many temperatures', temperatures),
    'downstream': ('What a detector learns from it', downstream),
    'gallery': ('Gallery', [run for run in measured if 'psnr' in run.measured.per_image]),
    'images': ('Single images', measured),
    'training': ('Training', drawn),
    'samples': ('Latest samples', samples),
    'settings': ('Settings', True),
    'about': ('About this page', True),
  }
  definitions: dict[str, str] = {}
  for run in measured:
    definitions |= run.measured.content['definitions']
  for study in downstream:
    definitions |= study['content']['definitions']
  names = ', '.join(run.name for run in runs)
  return page.document(
    'run_page.html',
    _SCRIPTS if split else (),
    title=f'Runs: {names}' if len(runs) > 1 else f'Run {names}',
    sections={name: title for name, (title, there) in sections.items() if there},
    runs=runs,
    split=split,
    checkpoint=checkpoint,
    again=next_step.command('report', workdir=','.join(str(run.folder) for run in runs)),
    commands={
      run.name: next_step.evaluate(run.folder, next_step.splits_of(run.folder), split, checkpoint)
      for run in runs
      if split
    },
    measured=measured,
    results=run_sections.results(measured),
    figures=results_lib,
    definitions=definitions,
    temperatures=temperatures,
    downstream=downstream,
    gallery=run_sections.gallery_items(shown, several=len(measured) > 1),
    images=run_sections.single_images(measured, shown) if measured else None,
    charts=drawn,
    samples=samples,
    settings=_settings(runs),
    now=datetime.datetime.now(datetime.UTC),
  )


def _charts(runs: Sequence[Run]) -> list[charts.Chart]:
  drawn = []
  for title, unit, log, columns in _CHARTS:
    logs = {run.name: getattr(run, log) for run in runs}
    if len(runs) == 1:
      (found,) = logs.values()
      curves = {name: (found['step'], found[name]) for name in columns if name in found}
      best = runs[0].best
      marked = (best.step, 'best validation') if best else None
      drawn.append(charts.lines(curves, title, unit, marked=marked))
      continue
    for column in columns:
      if column == 'psnr_pooled':
        continue
      # A run that lacks a column keeps its color for the others.
      curves = {
        name: (found['step'], found[column]) if column in found else ((), ())
        for name, found in logs.items()
      }
      drawn.append(charts.lines(curves, f'{log.capitalize()}: {column}', unit))
  return [chart for chart in drawn if chart]


def _latest_sample(run: Run) -> list[tuple[str, int, page.Picture]]:
  """The run's name, the step and the picture of its latest sample grid, if there is one."""
  grids = sorted((run.folder / run_folder.SAMPLES).glob('step_*.png'))[-1:]
  return [(run.name, int(grid.stem[5:]), page.picture(images.read_image(grid))) for grid in grids]


def _settings(runs: Sequence[Run]) -> dict[str, Any]:
  """Tables of settings, each with the classes of its rows."""
  several = len(runs) > 1
  values, changed = [flatten(run.config) for run in runs], [run.changed for run in runs]
  header = ['Setting', *([run.name for run in runs] if several else ['Value', 'Preset'])]
  rows, kinds = {}, {}
  # Data sets differ in their options.
  for name in dict.fromkeys(itertools.chain(*values)):
    own = [found.get(name) for found in values]
    rows[name] = [name] + [
      ('-' if value == '' else format_value(value)) + ' *' * (name in found)
      for value, found in zip(own, changed)
    ]
    if not several:
      rows[name].append(format_value(changed[0].get(name, own)[0]))
    kinds[name] = 'marked' if any(name in found for found in changed) else ''

  def table(names: Collection[str]) -> dict[str, Any]:
    return {
      'rows': [header, *(rows[name] for name in names)],
      'kinds': [kinds[name] for name in names],
    }

  first = values[0]
  return {
    'presets': sorted({run.config.train.preset for run in runs}),
    'different': table([n for n in rows if any(own.get(n) != first.get(n) for own in values)]),
    'changed': table([name for name, kind in kinds.items() if kind]),
    'all': table(rows),
  }
