"""The page about one run or several: measurements, gallery, images, curves, settings.

`write` makes it from what training and evaluation left in the run folders. `refresh` makes its
light version for training itself, without the parts that come from an evaluation.
"""

from collections.abc import Iterable, Sequence
import contextlib
import datetime
import pathlib
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.reports import charts, page, run_sections
from cyclegan_jax.runs import reader, run_folder
from cyclegan_jax.runs.reader import Run
from cyclegan_jax.settings import flatten, format_value

# Curves of one run: title, unit, file, columns. For several runs, each column has a chart.
_CHARTS = (
  ('Validation PSNR', 'dB', 'validation', ('psnr', 'psnr_pooled')),
  ('Validation SSIM and UQI', '', 'validation', ('ssim', 'uqi')),
  (
    'Adversarial losses',
    '',
    'training',
    ('discriminator_rgb', 'discriminator_ir', 'adversarial_rgb', 'adversarial_ir'),
  ),
  ('PatchNCE', 'cross entropy', 'training', ('nce_rgb', 'nce_ir', 'nce_identity_ir')),
  (
    'Distances',
    'L1, or 1 - SSIM',
    'training',
    tuple(
      f'{kind}_{domain}'
      for kind in ('cycle', 'supervised', 'identity', 'ssim', 'gradient')
      for domain in ('rgb', 'ir')
    ),
  ),
)
_SCRIPTS = ('sort.js', 'wipe.js', 'gallery.js')


def write(folders: Sequence[pathlib.Path], output: pathlib.Path, split: str, n_gallery: int) -> str:
  """Writes the page about runs, whole or not at all.

  Args:
    folders: of the runs.
    output: the HTML file.
    split: the split whose measurements are shown.
    n_gallery: the most examples shown as pictures.

  Returns:
    A line for a person: where the page is, and its size.

  Raises:
    UserError: a folder holds no run, one of its files is damaged, or the page cannot be written.
  """
  text = render(reader.read(folders, split), split, n_gallery)
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


def render(runs: Sequence[Run], split: str | None, n_gallery: int) -> str:
  """Returns the page as text; see `write`. Without a split it is the light one."""
  several = len(runs) > 1
  measured = [run for run in runs if run.measurements]
  shown = run_sections.examples(measured, n_gallery)
  drawn = _charts(runs)
  samples = [sample for run in runs for sample in _samples(run)]
  sections = {
    'results': (f'Measured on the {split} split', split),
    'gallery': ('Gallery', measured),
    'images': ('Single images', measured),
    'training': ('Training', drawn),
    'samples': ('Latest samples', samples),
    'settings': ('Settings', True),
    'about': ('About this page', True),
  }
  return page.document(
    'run_page.html',
    _SCRIPTS if split else (),
    title='Runs: ' + ', '.join(run.name for run in runs) if several else f'Run {runs[0].name}',
    sections={name: title for name, (title, there) in sections.items() if there},
    runs=runs,
    several=several,
    split=split,
    measured=measured,
    results=run_sections.results(measured),
    definitions={
      name: text for run in measured for name, text in run.measured.content['definitions'].items()
    },
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
      lines = {name: (found['step'], found[name]) for name in columns if name in found}
      drawn.append(charts.lines(lines, title, unit))
      continue
    for column in columns:
      if column == 'psnr_pooled':
        continue
      # A run that lacks a column keeps its color for the others.
      lines = {
        name: (found['step'], found[column]) if column in found else ((), ())
        for name, found in logs.items()
      }
      drawn.append(charts.lines(lines, f'{log.capitalize()}: {column}', unit))
  return [chart for chart in drawn if chart]


def _samples(run: Run) -> list[dict[str, Any]]:
  """The latest sample grid, if there is one."""
  grids = sorted((run.folder / run_folder.SAMPLES).glob('step_*.png'))
  return [
    {
      'run': run,
      'step': int(grid.stem.removeprefix('step_')),
      'picture': page.picture(images.read_image(grid)),
    }
    for grid in grids[-1:]
  ]


def _settings(runs: Sequence[Run]) -> dict[str, Any]:
  """Tables of settings, each with the classes of its rows; tables without rows are empty."""
  several = len(runs) > 1
  values = [flatten(run.config) for run in runs]
  # Data sets differ in their options.
  all_names = dict.fromkeys(name for found in values for name in found)
  values = [{name: found.get(name) for name in all_names} for found in values]
  changed = [run.changed for run in runs]

  def cells(name: str) -> list[str]:
    shown = [
      ('-' if own[name] == '' else format_value(own[name])) + ' *' * (name in found)
      for own, found in zip(values, changed)
    ]
    of_preset = changed[0].get(name, [values[0][name]])[0]
    return [name, *shown, *([] if several else [format_value(of_preset)])]

  def table(names: Iterable[str]) -> dict[str, Any]:
    names = list(names)
    header = ['Setting', *([run.name for run in runs] if several else ['Value', 'Preset'])]
    kinds = ['marked' if any(name in found for found in changed) else '' for name in names]
    return {'rows': [header, *map(cells, names)] if names else [], 'kinds': kinds}

  return {
    'presets': sorted({run.config.train.preset for run in runs}),
    'different': table(n for n in values[0] if any(own[n] != values[0][n] for own in values)),
    'changed': table(n for n in values[0] if any(n in found for found in changed)),
    'all': table(values[0]),
  }
