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
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import results as results_lib
from cyclegan_jax.image_files import images
from cyclegan_jax.reports import (
  answer,
  curves,
  gallery_section,
  image_grid,
  page,
  run_facts,
  run_sections,
)
from cyclegan_jax.runs import next_step, reader, run_folder
from cyclegan_jax.runs.reader import Run
from cyclegan_jax.settings import flatten, format_value

_SCRIPTS = (*page.SCRIPTS, 'wipe.js', 'loupe.js', 'gallery.js')
# A page that is written while its run trains loads itself again.
_TRAINING_SCRIPTS = ('tip.js', 'chart.js', 'refresh.js')


def write(
  folders: Sequence[pathlib.Path],
  output: pathlib.Path,
  split: str,
  n_gallery: int | None,
  checkpoint: str = 'best',
) -> str:
  """Writes the page about the runs in folders, whole or not at all.

  It shows the measurements of a checkpoint on a split, and at most n_gallery examples as pictures.
  None means all; their pictures then are files in a folder beside the page.

  Returns:
    A line for a person: where the page is, and its size.

  Raises:
    UserError: a folder holds no run, one of its files is damaged, or the page cannot be written.
  """
  runs = reader.read(folders, split, checkpoint)
  try:
    gallery_section.clear(output)
    beside = gallery_section.beside(output) if n_gallery is None else None
    text = render(runs, split, n_gallery, checkpoint, beside)
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


def render(
  runs: Sequence[Run],
  split: str | None,
  n_gallery: int | None,
  checkpoint: str = 'best',
  beside: gallery_section.Place | None = None,
) -> str:
  """Returns the page as text; see `write`. Without a split it is the light one.

  Pictures of the gallery are within the page, unless `beside` places them elsewhere.
  """
  measured = [run for run in runs if run.measurements]
  pictured = [run for run in measured if 'psnr' in run.measured.per_image]  # Not without pairs.
  shown = gallery_section.examples(pictured, n_gallery)
  place = beside or (lambda name, encoded: page.embedded(encoded))
  gallery = gallery_section.items(shown, len(pictured) > 1, place)
  downstream = run_sections.downstream(runs) if split else []
  temperatures = run_sections.temperatures(measured)
  results = run_sections.results(measured)
  drawn = curves.of_runs(runs)
  samples = [sample for run in runs for sample in _latest_sample(run)]
  sections = {
    'results': (f'Measured on the {split} split', results),
    'temperatures': ('One image, many temperatures', temperatures),
    'downstream': ('What a detector learns from it', downstream),
    'gallery': ('Gallery', pictured),
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
    _scripts(runs, split),
    beside=beside is not None,
    title=f'Runs: {names}' if len(runs) > 1 else f'Run {names}',
    sections={name: title for name, (title, there) in sections.items() if there},
    runs=runs,
    split=split,
    checkpoint=checkpoint,
    again=next_step.command('report', workdir=','.join(str(run.folder) for run in runs)),
    bars=[chart for table in results if (chart := answer.chart(table['runs']))],
    ranked_by=run_sections.ranked_by(measured),
    measure={
      run.name: next_step.evaluate(run.folder, run_folder.splits_of(run.folder)) for run in runs
    },
    commands={
      run.name: next_step.evaluate(run.folder, run_folder.splits_of(run.folder), split, checkpoint)
      for run in runs
      if split
    },
    measured=measured,
    results=results,
    answer=answer,
    facts=run_facts,
    figures=results_lib,
    main=run_sections.main,
    tips=run_sections.tips(measured),
    definitions=definitions,
    temperatures=temperatures,
    downstream=downstream,
    gallery=gallery,
    median=next((item for item in gallery if item['badge'] in ('Median', '')), None),
    full_scale=image_grid.ERROR_FULL_SCALE,
    images=run_sections.single_images(measured, shown) if measured else None,
    charts=drawn,
    samples=samples,
    settings=_settings(runs),
    now=datetime.datetime.now(datetime.UTC),
  )


def _scripts(runs: Sequence[Run], split: str | None) -> tuple[str, ...]:
  if split:
    return _SCRIPTS
  trains = not all(map(run_facts.is_finished, runs))
  return _TRAINING_SCRIPTS if trains else _TRAINING_SCRIPTS[:-1]


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
