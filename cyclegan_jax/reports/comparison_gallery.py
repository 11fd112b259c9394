"""The gallery of a comparison: what all models make of the same images, side by side."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np

from cyclegan_jax.comparison.compare import ComparedModel, median_run
from cyclegan_jax.data.source import evenly_spaced
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.reports import gallery, gallery_section, page
from cyclegan_jax.runs import reader
from cyclegan_jax.runs.reader import Run

_MOST = 9  # Examples: the worst, the median, the best, and some between them.


def shown_runs(models: Mapping[str, ComparedModel], primary: str) -> dict[str, Run]:
  """Returns the run of each model whose pictures are shown."""
  return {name: median_run(model, primary) for name, model in models.items()}


def which_seed(model: ComparedModel, run: Run) -> str:
  """Returns in words which of the model's seeds a shown run has."""
  n, seed = len(model.runs), f'seed {run.config.train.seed}'
  if n == 1:
    return seed
  return f'{seed}, the lower of two' if n == 2 else f'{seed}, next to the median of {n}'


def items(models: Mapping[str, ComparedModel], primary: str) -> list[dict[str, Any]]:
  """Returns the examples as the template shows them; none if there is no picture of all models.

  They are chosen once for all models, of those that have pictures of each shown run: the worst, the
  median, and the best by `gallery.scores`, averaged over seeds, then over models, and some that are
  evenly spread.

  Raises:
    UserError: a picture or a table of a run is damaged.
  """
  runs = shown_runs(models, primary)
  places = {name: _with_pictures(run) for name, run in runs.items()}
  if not places:
    return []
  scores = dict(zip(next(iter(runs.values())).measured.ids, _scores(models)))
  common = set.intersection(*(set(found) for found in places.values()))
  ordered = sorted(common, key=lambda name: (scores[name], name))
  chosen = [ordered[i] for i in evenly_spaced(len(ordered), _MOST)]
  middle = float(np.median([*scores.values()]))
  return [
    _item(chosen[i], badge, runs, {name: found[chosen[i]] for name, found in places.items()})
    for i, badge in gallery_section.badged([scores[name] for name in chosen], middle)
  ]


def _with_pictures(run: Run) -> dict[str, int]:
  """Image -> the number of its strip, for those that have one."""
  # Strips are numbered in the order of the file; compared runs are sorted by id.
  measured = reader.measurements_in(run.measured.folder)
  ids: Sequence[str] = measured.ids if measured else ()
  return {ids[i]: i for i in gallery.indices(run.measured.folder) if i < len(ids)}


def _scores(models: Mapping[str, ComparedModel]) -> np.ndarray:
  """What ranks the images, float64 [n]: higher is better, -inf where it is undefined."""
  of_models = [
    np.mean([gallery.scores(run.measured.per_image) for run in model.runs], axis=0)
    for model in models.values()
  ]
  return np.mean(of_models, axis=0)


def _item(
  name: str, badge: str, runs: Mapping[str, Run], places: Mapping[str, int]
) -> dict[str, Any]:
  layers, psnr = [], {}
  for label, run in runs.items():
    source, generated, truth, _ = gallery.read(run.measured.folder, places[label])
    if not layers:
      here, there = run.config.model.source.upper(), run.config.model.target.upper()
      layers = [_layer('source', here, source, run), _layer('true', f'true {there}', truth, run)]
    layers.append(_layer('generated', label, generated, run))
    measured = run.measured
    psnr[label] = float(measured.per_image['psnr'][measured.ids.index(name)])
  best = max(psnr.values())
  for layer in layers[2:]:
    value = psnr[layer['name']]
    layer |= {'figure': f'{_number(value)} dB', 'is_best': len(psnr) > 1 and value == best}
  brief = f'{_number(float(np.mean([*psnr.values()])))} dB'
  return {'name': name, 'badge': badge, 'brief': brief, 'layers': layers}


def _layer(kind: str, name: str, pixels: np.ndarray, run: Run) -> dict[str, Any]:
  picture = gallery_section.picture_of(pixels, kind, '', lambda _, found: page.embedded(found))
  scale = gallery_section.scale_of(run)
  return {'kind': kind, 'name': name, 'picture': picture, 'scale': scale}


def _number(psnr: float) -> str:
  return f'{psnr:.1f}' if math.isfinite(psnr) else METRICS['psnr'].shown(psnr)
