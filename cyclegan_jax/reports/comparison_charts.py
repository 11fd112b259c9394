"""Charts of a comparison, drawn with Matplotlib: uint8 [height, width, 3] on white.

A model has the same color in all of them; beyond six models colors repeat, with other strokes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cyclegan_jax.comparison.compare import METRICS, Model
from cyclegan_jax.reports.frames import FEW_POINTS, frame, PALETTE, pixels

_STROKES = ('-', '--', ':', '-.')
_SIZE = (720, 440)
_ROW_HEIGHT = 34
_FRAME_HEIGHT = 110
# So many images are drawn as points beside a box; more, and a box says it all.
_MOST_POINTS = 400


def curves(models: Mapping[str, Model], metric: str) -> np.ndarray | None:
  """A validation metric over epochs: a thin line for each seed, a thick one for their mean.

  Models that are trained as another one are left out. None if there is no validation.
  """
  figure, axes = frame(f'Validation {METRICS[metric].title}', 'epoch', METRICS[metric].title, _SIZE)
  drawn = 0
  for (label, model), (color, stroke) in zip(models.items(), _looks(len(models))):
    lines = [run.curves for run in model.runs if metric in run.curves]
    if model.trained_as != label or not lines:
      continue
    drawn += 1
    for line in lines:
      axes.plot(
        line['epoch'], line[metric], color=color, linestyle=stroke, linewidth=0.6, alpha=0.5
      )
    shortest = min(len(line['epoch']) for line in lines)
    mean_x, mean_y = (
      np.mean([line[name][:shortest] for line in lines], axis=0) for name in ('epoch', metric)
    )
    axes.plot(
      mean_x,
      mean_y,
      color=color,
      linestyle=stroke,
      linewidth=2,
      label=label,
      marker='o' if shortest <= FEW_POINTS else None,
      markersize=3,
    )
  if not drawn:
    return None
  figure.legend(loc='outside right upper')
  return pixels(figure)


def distributions(models: Mapping[str, Model], metric: str) -> np.ndarray:
  """Box plots of a metric over images, averaged over seeds; a vertical line is the mean.

  Boxes from quartile to quartile, whiskers up to 1.5 times as long; images beyond are points, and
  where there are few images, all are.
  """
  rows = [
    (label, color, np.mean([run.per_image[metric] for run in model.runs], axis=0))
    for (label, model), (color, _) in zip(models.items(), _looks(len(models)))
    if model.runs and model.trained_as == label
  ]
  figure, axes = _rows(
    f'{METRICS[metric].title} of single images',
    METRICS[metric].title,
    [label for label, _, _ in rows],
  )
  jitter = np.random.default_rng(0)
  for y, (_, color, values) in enumerate(rows):
    values = values[np.isfinite(values)]
    if not len(values):
      continue
    axes.boxplot(
      [values],
      positions=[y],
      orientation='horizontal',
      widths=0.55,
      showfliers=len(values) > _MOST_POINTS,
      showmeans=True,
      meanline=True,
      flierprops={'marker': '.', 'markersize': 2, 'markeredgecolor': color},
      boxprops={'color': color},
      whiskerprops={'color': color},
      capprops={'color': color},
      medianprops={'color': color, 'linewidth': 2},
      meanprops={'color': '0.3', 'linewidth': 1, 'linestyle': '--'},
      manage_ticks=False,
    )
    if len(values) <= _MOST_POINTS:
      axes.plot(
        values,
        y + jitter.uniform(-0.18, 0.18, len(values)),
        '.',
        color=color,
        alpha=0.35,
        markersize=4,
      )
  return pixels(figure)


def differences(results: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
  """Comparisons in one metric: intervals over images as bars, means and seeds as points.

  None if none of them has a difference.
  """
  shown = [result for result in results if result['difference'] is not None]
  if not shown:
    return None
  metric = METRICS[shown[0]['metric']]
  side = 'right' if metric.better > 0 else 'left'
  figure, axes = _rows(
    f'Differences in {metric.title}: the first model is better on the {side}',
    f'difference in {metric.title}{" in" * bool(metric.unit)}{metric.unit}',
    [f'{result["first"]} - {result["second"]}' for result in shown],
  )
  axes.axvline(0, color='0.3', linewidth=1)
  for y, result in enumerate(shown):
    interval = result['interval']
    if interval['low'] is not None:
      axes.plot(
        [interval['low'], interval['high']],
        [y, y],
        color=PALETTE[0],
        linewidth=5,
        alpha=0.4,
        solid_capstyle='butt',
        label='interval over images' if not y else None,
      )
    axes.plot(
      result['by_seed'],
      np.full(len(result['by_seed']), y),
      'o',
      color=PALETTE[1],
      markersize=4,
      fillstyle='none',
      label='one seed' if not y else None,
    )
    axes.plot(
      result['difference'],
      y,
      '|',
      color='black',
      markersize=16,
      markeredgewidth=2,
      label='mean over seeds' if not y else None,
    )
  figure.legend(loc='outside lower center', ncols=3)
  return pixels(figure)


def _rows(title: str, x_label: str, labels: Sequence[str]) -> tuple[Any, Any]:
  """A frame with one row for each label, the first on top."""
  figure, axes = frame(title, x_label, '', (_SIZE[0], _FRAME_HEIGHT + _ROW_HEIGHT * len(labels)))
  axes.set_yticks(range(len(labels)), labels)
  axes.set_ylim(len(labels) - 0.5, -0.5)
  axes.grid(visible=False, axis='y')
  return figure, axes


def _looks(n: int) -> list[tuple[str, str]]:
  """Color and stroke of each of n models."""
  return [
    (PALETTE[i % len(PALETTE)], _STROKES[i // len(PALETTE) % len(_STROKES)]) for i in range(n)
  ]
