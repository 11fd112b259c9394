"""The page about one or several runs: measurements, gallery, images, curves, settings.

`write` makes it from what training and evaluation left in the run folders; `refresh` is its
light version, for training itself: without the parts that an evaluation brings.
"""

from collections.abc import Sequence
import datetime
import html
import pathlib

from cyclegan_jax import files
from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import duration
from cyclegan_jax.reports import curves, gallery, page, run_sections
from cyclegan_jax.runs import reader as runs_lib, run_folder
from cyclegan_jax.runs.reader import Run
from cyclegan_jax.settings import flatten, format_value

# Curves of one run: title, unit, file, columns. Of several runs, each column is a chart.
_CHARTS = (
  ('Validation PSNR', 'dB', 'validation', ('psnr', 'psnr_pooled')),
  ('Validation SSIM and UQI', '', 'validation', ('ssim', 'uqi')),
  (
    'Adversarial losses',
    '',
    'training',
    ('discriminator_rgb', 'discriminator_ir', 'adversarial_rgb', 'adversarial_ir'),
  ),
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
_STYLE = (
  """
.runs { list-style: none; padding: 0; margin: .6rem 0 0; max-width: none; }
.runs li { display: flex; flex-wrap: wrap; gap: .1rem 1rem; align-items: center; }
progress { width: 9rem; height: .8rem; accent-color: var(--accent); }
.samples { overflow: auto; }
.samples img { border-radius: 6px; }
#settings td { min-width: 7rem; max-width: 26rem; white-space: normal; overflow-wrap: anywhere; }
"""
  + curves.STYLE
  + gallery.STYLE
)


def write(folders: Sequence[pathlib.Path], output: pathlib.Path, split: str, n_gallery: int) -> str:
  """Writes the page about runs, whole or not at all.

  Args:
    folders: of the runs.
    output: the HTML file.
    split: whose measurements are shown.
    n_gallery: the most examples that are shown as pictures.

  Returns:
    A line for a person: where the page is, and how large.

  Raises:
    UserError: there is no run in a folder, a file of it is damaged, or the page cannot be written.
  """
  text = render(runs_lib.read(folders, split), split, n_gallery)
  try:
    files.write_text(output, text)
  except OSError as error:
    raise UserError(
      f'{output} cannot be written: {error.strerror}. Name another file by --output.'
    ) from error
  return f'Page: {output} ({len(text.encode()) / 1e6:.1f} MB)'


def refresh(folder: pathlib.Path) -> None:
  """Writes the light page of a run that is being trained; some milliseconds.

  Where it cannot be made, on a full disk for instance, the page stays as it was.
  """
  try:
    (run,) = runs_lib.read([folder], None)
    files.write_text(folder / run_folder.PAGE, _render([run], None, [], ''))
  except (OSError, UserError):  # Training is worth more than its page.
    pass


def render(runs: Sequence[Run], split: str, n_gallery: int) -> str:
  """The page as text; see `write`."""
  n = len(runs) > 1
  measured = [run for run in runs if run.evaluated]
  missing = ''.join(
    f'<p class="note">{html.escape(run.name) if n else "This run"} is not measured on the '
    f'{html.escape(split)} split yet. To do so: <code>python -m experiments.evaluate '
    f'--workdir={html.escape(str(run.folder))}'
    f'{"" if split == "test" else " --split=" + html.escape(split)}</code></p>'
    for run in runs
    if not run.evaluated
  )
  shown = run_sections.examples(measured, n_gallery)
  parts = [
    ('results', f'Measured on the {split} split', [missing, *run_sections.results(measured)]),
    ('gallery', 'Gallery', run_sections.gallery_parts(measured, shown)),
    ('images', 'Single images', run_sections.single_images(measured, shown)),
  ]
  about = run_sections.about(measured)
  return _render(runs, split, parts, about)


def _render(runs: Sequence[Run], split: str | None, measured: list, about: str) -> str:
  several = len(runs) > 1
  title = 'Runs: ' + ', '.join(run.name for run in runs) if several else f'Run {runs[0].name}'
  sections = [
    *measured,
    ('training', 'Training', _curves(runs)),
    ('samples', 'Latest samples', [_samples(run, several) for run in runs]),
    ('settings', 'Settings', _settings(runs)),
    ('about', 'About this page', [about, _made(runs, split)]),
  ]
  sections = [(identity, name, parts) for identity, name, parts in sections if any(parts)]
  links = ''.join(
    f'<li><a href="#{identity}">{html.escape(name)}</a></li>' for identity, name, _ in sections
  )
  header = [
    f'<h1>{html.escape(title)}</h1>',
    page.paragraph('RGB to thermal infrared', 'soft'),
    '<ul class="runs">',
    *(_status(run, several) for run in runs),
    '</ul>',
    f'<nav aria-label="Sections"><ul>{links}</ul></nav>',
  ]
  return page.document(
    title,
    header,
    [page.section(*part) for part in sections],
    style=page.asset('wipe.css') + _STYLE,
    scripts=[page.asset(name) for name in _SCRIPTS] if measured else [],
  )


def _status(run: Run, several: bool) -> str:
  """How far a run is, in words and as a bar."""
  texts = [f'{run.step} steps' if run.step else 'No step logged yet']
  bar = ''
  if run.total_steps and run.step:
    texts = [f'Step {run.step} of {run.total_steps}']
    share = min(run.step / run.total_steps, 1)
    label = html.escape(f'Training of {run.name}')
    bar = f'<progress value="{share:.4f}" max="1" aria-label="{label}"></progress>'
  if run.training.get('epoch'):
    texts.append(f'epoch {run.training["epoch"][-1]:.4g}')
  rate = run.training.get('images_per_second', [0])[-1]
  if rate > 0:
    texts.append(f'{rate:.3g} images/s')
    if run.total_steps and run.step < run.total_steps:
      left = (run.total_steps - run.step) * run.config.train.batch_size / rate
      texts.append(f'{duration(left)} of training left')
  name = f'<b>{html.escape(run.name)}</b>' if several else ''
  return f'<li>{name}{bar}<span>{html.escape(", ".join(texts))}</span></li>'


def _curves(runs: Sequence[Run]) -> list[str]:
  drawn = []
  for title, unit, log, columns in _CHARTS:
    found = {
      column: {
        run.name: (getattr(run, log)['step'], getattr(run, log)[column])
        for run in runs
        if column in getattr(run, log)
      }
      for column in columns
    }
    if len(runs) == 1:
      drawn.append(
        curves.chart(
          {column: line for column, lines in found.items() for line in lines.values()}, title, unit
        )
      )
    else:
      # A run that lacks a column keeps its color for the others.
      drawn += [
        curves.chart(
          {run.name: lines.get(run.name, ((), ())) for run in runs},
          f'{log.capitalize()}: {column}',
          unit,
        )
        for column, lines in found.items()
        if column != 'psnr_pooled'
      ]
  drawn = [chart for chart in drawn if chart]
  return ['<div class="curves">', *drawn, '</div>'] if drawn else []


def _samples(run: Run, several: bool) -> str:
  grids = sorted((run.folder / run_folder.SAMPLES).glob('step_*.png'))
  if not grids:
    return ''
  step = int(grids[-1].stem.removeprefix('step_'))
  caption = (f'{run.name}: ' if several else '') + f'after step {step}'
  picture = page.photograph(
    images.read_image(grids[-1]),
    f'Examples in rows, {caption}. Columns as titled: real and '
    'generated images; of CycleGAN also images that were translated back.',
    caption,
  )
  return f'<div class="samples">{picture}</div>'


def _settings(runs: Sequence[Run]) -> list[str]:
  several = len(runs) > 1
  values = [flatten(run.config) for run in runs]
  # Data sets differ in their options.
  all_names = dict.fromkeys(name for found in values for name in found)
  values = [{name: found.get(name) for name in all_names} for found in values]
  changed = [runs_lib.differences_from_preset(run.config) for run in runs]

  def shown(i, name):
    text = format_value(values[i][name]) if values[i][name] != '' else '-'
    return text + (' *' if name in changed[i] else '')

  def table(names, label):
    marked = ['marked' if any(name in found for found in changed) else '' for name in names]
    header = ['Setting', *(run.name if several else 'Value' for run in runs)]
    rows = [[name, *(shown(i, name) for i in range(len(runs)))] for name in names]
    if not several:
      header.append('Preset')
      rows = [[*row, format_value(changed[0].get(row[0], [values[0][row[0]]])[0])] for row in rows]
    return page.table([header, *rows], marked, label=label)

  parts = [
    page.paragraph(
      "* and a colored row: changed from the run's preset ("
      + ', '.join(sorted({run.config.train.preset for run in runs}))
      + ').'
    )
  ]
  if several:
    different = [name for name in values[0] if any(v[name] != values[0][name] for v in values)]
    parts += [
      '<h3>What differs between the runs</h3>',
      table(different, 'Settings that differ between the runs')
      if different
      else page.paragraph('No setting differs.'),
    ]
  any_changed = [name for name in values[0] if any(name in found for found in changed)]
  parts += [
    '<h3>What was changed</h3>',
    table(any_changed, 'Settings changed from the preset')
    if any_changed
    else page.paragraph('Nothing.'),
  ]
  return [
    *parts,
    '<details><summary>All settings</summary>',
    table(list(values[0]), 'All settings'),
    '</details>',
  ]


def _made(runs: Sequence[Run], split: str | None) -> str:
  now = datetime.datetime.now(datetime.UTC)
  text = f'Written {now:%Y-%m-%d %H:%M} UTC.'
  if split is None:
    text += (
      ' Training writes this page anew at each checkpoint: reload it then. After '
      'experiments.evaluate it also has measurements and a gallery.'
    )
  else:
    text += f' By: python -m experiments.report --workdir={",".join(str(r.folder) for r in runs)}'
  return page.paragraph(text, 'soft')
