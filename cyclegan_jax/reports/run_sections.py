"""The parts of a run's page that come from its evaluation."""

from collections.abc import Sequence
import html
import math

import numpy as np

from cyclegan_jax.reports import evaluation_files, gallery, page
from cyclegan_jax.runs.reader import Run

# More rows make the page slow; per_image.csv has all.
_MOST_ROWS = 2000
# What is shown of each image where several runs stand side by side.
_OF_SEVERAL = ('psnr', 'ssim', 'uqi')
_IN_GALLERY = ('psnr', 'ssim')
_ERROR_SCALE = (
  'Error maps: black where generated and true IR are equal, then violet, red, '
  'orange, and pale yellow from half of the range on.'
)


def results(measured: Sequence[Run]) -> list[str]:
  """The figures of merit beside those of trivial guesses, and what they show."""
  parts = []
  for group in _alike(measured):
    content = group[0].evaluated.content
    header, *_ = evaluation_files.rows(content)
    rows, kinds = [], []
    for run in group:
      own = evaluation_files.rows(run.evaluated.content)[1]
      rows.append([run.name if len(measured) > 1 else own[0], *own[1:]])
      kinds.append('model')
    for run in group:
      rows += [row for row in evaluation_files.rows(run.evaluated.content)[2:] if row not in rows]
    height, width = content['image_size']
    parts += [
      page.paragraph(f'{content["n"]} images at {height}x{width} pixels.'),
      page.table([header, *rows], kinds, label='Figures of merit of models and trivial guesses'),
    ]
    for run in group:
      text = evaluation_files.verdict(run.evaluated.content)
      kind = 'verdict good' if text.startswith('The model beats') else 'verdict'
      parts.append(page.paragraph((f'{run.name}: ' if len(measured) > 1 else '') + text, kind))
      parts += [_stale(run), page.listed(evaluation_files.left_out(run.evaluated.content))]
  return parts


def examples(measured: Sequence[Run], n: int) -> list[tuple[str, list[tuple[Run, int]]]]:
  """Which examples have pictures: id, and the runs that have them, with their row there.

  From the best to the worst PSNR of the first run that has them, at most n, evenly spread.
  """
  found: dict[tuple[str, str], list[tuple[Run, int]]] = {}
  for run in measured:
    evaluated = run.evaluated
    for index in gallery.indices(evaluated.folder):
      if index < len(evaluated.ids):
        key = evaluated.content['split_sha256'], evaluated.ids[index]
        found.setdefault(key, []).append((run, index))
  ordered = sorted(found.items(), key=lambda entry: -_psnr(*entry[1][0]))
  kept = np.linspace(0, len(ordered) - 1, min(n, len(ordered))).round().astype(int)
  return [(ordered[i][0][1], ordered[i][1]) for i in kept]


def gallery_parts(
  measured: Sequence[Run], shown: Sequence[tuple[str, list[tuple[Run, int]]]]
) -> list[str]:
  """The gallery; [] if nothing was measured."""
  if not measured:
    return []
  if not shown:
    return [
      page.paragraph(
        'No pictures: --gallery=0, or the evaluation is of an earlier version. '
        'Measure again for them: python -m experiments.evaluate.',
        'note',
      )
    ]
  several = len(measured) > 1
  items = []
  for number, (name, owners) in enumerate(shown):
    layers, texts = {}, []
    for run, index in owners:
      pictures = gallery.read(run.evaluated.folder, index)
      layers.setdefault('RGB', pictures[gallery.RGB])
      layers.setdefault('true IR', pictures[gallery.TRUTH])
      of = f', {run.name}' if several else ''
      layers[f'generated IR{of}'] = pictures[gallery.GENERATED]
      layers[f'error{of}'] = pictures[gallery.ERROR]
      figures = ', '.join(
        f'{evaluation_files.COLUMNS[metric]} {_number(run.evaluated.per_image[metric][index])}'
        for metric in _IN_GALLERY
        if metric in run.evaluated.per_image
      )
      texts.append((f'{run.name}: ' if several else '') + figures)
    items.append(gallery.item(_anchor(number), name, '; '.join(texts), layers))
  total = max(len(run.evaluated.ids) for run in measured)
  return [
    page.paragraph(
      f'{len(shown)} of {total} images, from the best to the worst by PSNR. '
      'Move the boundary in a picture by mouse, finger or arrow keys.'
    ),
    '<div class="choose" role="group" aria-label="Which pictures are compared"></div>',
    f'<ul class="gallery">{"".join(items)}</ul>',
    page.paragraph(_ERROR_SCALE, 'soft'),
  ]


def single_images(
  measured: Sequence[Run], shown: Sequence[tuple[str, list[tuple[Run, int]]]]
) -> list[str]:
  """The sortable table of images; of several runs those measured on the first one's images."""
  if not measured:
    return []
  first = measured[0].evaluated
  alike = [
    run
    for run in measured
    if run.evaluated.content['split_sha256'] == first.content['split_sha256']
  ]
  several = len(measured) > 1
  header, columns = ['Image'], []
  if any(first.sequences):
    header.append('Sequence')
    columns.append(first.sequences)
  for run in alike:
    rows = {name: i for i, name in enumerate(run.evaluated.ids)}
    for metric in evaluation_files.COLUMNS:
      values = run.evaluated.per_image.get(metric)
      if values is None or (several and metric not in _OF_SEVERAL):
        continue
      header.append(evaluation_files.COLUMNS[metric] + (f', {run.name}' if several else ''))
      columns.append([_number(values[rows[name]]) if name in rows else '-' for name in first.ids])
  body = [[name, *(column[i] for column in columns)] for i, name in enumerate(first.ids)]
  links = {
    name: f'#{_anchor(i)}'
    for i, (name, owners) in enumerate(shown)
    if any(run in alike for run, _ in owners)
  }
  parts = [
    page.paragraph(
      'The names of the columns sort the table.'
      + (' Linked images are in the gallery.' if links else '')
    ),
    page.table(
      [header, *body[:_MOST_ROWS]],
      label='Figures of merit of single images',
      sortable=True,
      links=links,
    ),
  ]
  if len(body) > _MOST_ROWS:
    parts.append(
      page.paragraph(
        f'The first {_MOST_ROWS} of {len(body)} images; {first.folder / "per_image.csv"} has all.'
      )
    )
  if len(alike) < len(measured):
    others = ', '.join(run.name for run in measured if run not in alike)
    parts.append(page.paragraph(f'Not in this table, as measured on other images: {others}.'))
  return parts


def about(measured: Sequence[Run]) -> str:
  """Definitions, checkpoints, versions."""
  definitions = {}
  for run in measured:
    definitions |= run.evaluated.content['definitions']
  lines = [
    f'{run.name}: checkpoint at step {content["checkpoint_step"]}, measured with commit '
    f'{content["commit"]}, ' + ', '.join(f'{k} {v}' for k, v in content['versions'].items())
    for run in measured
    for content in [run.evaluated.content]
  ]
  terms = ''.join(
    f'<li><b>{html.escape(name)}</b>: {html.escape(text)}</li>'
    for name, text in definitions.items()
  )
  return (
    f'<details><summary>Definitions</summary><ul>{terms}</ul></details>' if terms else ''
  ) + page.listed(lines)


def _alike(measured: Sequence[Run]) -> list[list[Run]]:
  """Runs that fit into one table: measured on the same images, in the same way."""
  groups: dict[str, list[Run]] = {}
  for run in measured:
    content = run.evaluated.content
    key = repr((content['split_sha256'], content['image_size'], evaluation_files.rows(content)[0]))
    groups.setdefault(key, []).append(run)
  return list(groups.values())


def _stale(run: Run) -> str:
  then = run.evaluated.content.get('trained_steps')
  if not then or then >= run.step:
    return ''
  return page.paragraph(
    f'Measured after {then} steps; the run has {run.step} by now. Measure it again.', 'note'
  )


def _psnr(run: Run, index: int) -> float:
  value = run.evaluated.per_image.get('psnr', [math.nan] * (index + 1))[index]
  return -math.inf if math.isnan(value) else value


def _anchor(number: int) -> str:
  return f'example-{number}'


def _number(value: float) -> str:
  if math.isnan(value):
    return '-'
  if math.isinf(value):
    return '∞' if value > 0 else '-∞'
  return f'{value:.4g}' if abs(value) < 1e4 else f'{value:.0f}'
