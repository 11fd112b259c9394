"""A model card: what a trained model is, for whoever did not train it, as Markdown for a model hub.

The front matter is YAML as Hugging Face reads it (strings are written as JSON, which is YAML). What
only a person can know, licenses above all, is marked FILL IN until it is given.
"""

from collections.abc import Mapping
import csv
import dataclasses
import json
import pathlib
from typing import Any

from cyclegan_jax import bands, config as config_lib, provenance, radiometry
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.model import Model
from cyclegan_jax.models import networks
from cyclegan_jax.progress import duration
from cyclegan_jax.reports import evaluation_files
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config, differences, format_value, PLACES

_HOW = """With the program that trained it, `cyclegan_jax`, and the run folder:

```sh
python -m experiments.translate --workdir=RUN --input=PHOTOS --output=IR
```

Files that `experiments.export` wrote run without it, in ONNX Runtime or JAX: pixels go in, pixels
come out."""
_HUB_METRICS = ('psnr', 'ssim', 'rmse')


@dataclasses.dataclass(frozen=True)
class Given:
  """What only a person can know; empty is not known yet.

  Attributes:
    name: of the model.
    author: who answers for it.
    license: of the model, as a model hub abbreviates it, such as apache-2.0.
    data_source: where the images come from.
    data_license: their license.
    hardware: what it was trained on.
  """

  name: str
  author: str = ''
  license: str = ''
  data_source: str = ''
  data_license: str = ''
  hardware: str = ''

  def empty(self) -> list[str]:
    """Names of what is not known yet."""
    return [name for name, value in dataclasses.asdict(self).items() if not value.strip()]


def read_metrics(workdir: pathlib.Path) -> dict[str, Any] | None:
  """metrics.json of the test split, or None if it has not been measured; UserError if damaged."""
  file = workdir / run_folder.EVALUATION / 'test' / 'metrics.json'
  if not file.exists():
    return None
  try:
    content = json.loads(file.read_text())
    evaluation_files.markdown(content)
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise UserError(
      f'{file} cannot be read ({error}). Measure anew: python -m '
      f'experiments.evaluate --workdir={workdir}'
    ) from error
  return content


def text(
  model: Model, workdir: pathlib.Path, metrics: Mapping[str, Any] | None, given: Given
) -> str:
  """The card.

  Args:
    model: from `model.load`.
    workdir: its run folder.
    metrics: from `read_metrics`.
    given: what a person has said.
  """
  given = Given(*(' '.join(value.split()) for value in dataclasses.astuple(given)))
  parts = [
    _front_matter(model.config, metrics, given),
    f'# {given.name}',
    _summary(model),
    '## The model',
    _facts(model),
    '## Intended use',
    _use(model.config),
    '## How to use it',
    _HOW,
    '## Limits',
    _limits(model.config, metrics),
    '## Data',
    _data(model, workdir, metrics, given),
    '## Results',
    _results(model, metrics),
    '## Training',
    _training(model, workdir, given),
    '## License',
    _license(given),
  ]
  return '\n\n'.join(part.strip() for part in parts) + '\n'


def _license(given: Given) -> str:
  data = given.data_license or _fill('license of the images, and whether it lets you publish')
  return (
    f'The model: {given.license or _fill("license of the model")}. The images that it was '
    f'trained on: {data}.\n\n'
    f'Contact: {given.author or _fill("who answers for this model")}.'
  )


def _fill(what: str) -> str:
  return f'**FILL IN: {what}**'


def _front_matter(config: Config, metrics: Mapping[str, Any] | None, given: Given) -> str:
  lines = [
    '---',
    f'license: {json.dumps(given.license or "FILL-IN")}',
    'library_name: jax',
    'pipeline_tag: image-to-image',
    'tags:',
  ]
  tags = ['image-to-image', 'thermal-infrared', config.model.method, 'jax', 'flax']
  lines += [f'- {tag}' for tag in tags]
  values = (
    {name: metrics[evaluation_files.MODEL].get(name) for name in _HUB_METRICS} if metrics else {}
  )
  values = {name: value for name, value in values.items() if value is not None}
  if values:
    lines += [
      'metrics:',
      *(f'- {name}' for name in values),
      'model-index:',
      f'- name: {json.dumps(given.name)}',
      '  results:',
      '  - task:',
      '      type: image-to-image',
      '    dataset:',
      f'      name: {json.dumps(given.data_source or config.data.dataset)}',
      f'      type: {json.dumps(config.data.dataset)}',
      '      split: test',
      '    metrics:',
    ]
    for name, value in values.items():
      lines += [
        f'    - type: {name}',
        f'      name: {evaluation_files.COLUMNS[name]}',
        f'      value: {value:.6g}',
      ]
  return '\n'.join([*lines, '---'])


def _summary(model: Model) -> str:
  ways = {
    'rgb_to_ir': 'RGB images into infrared ones',
    'ir_to_rgb': 'infrared images into RGB ones',
  }
  return (
    f'Networks that turn {" and ".join(ways[name] for name in model.translators)}. What they '
    'paint is likely, given the images of the training; it has not been measured.'
  )


def _facts(model: Model) -> str:
  config, data, net = model.config, model.config.data, model.config.model
  lines = [
    f'Method: {net.method}, preset `{config.train.preset}`, generator `{net.generator}`, '
    f'{net.norm} norm.'
  ]
  lines += [
    f'Generator `{name}`: {networks.count_parameters(generator.params):,} parameters.'
    for name, generator in model.translators.items()
  ]
  for name, domain in model.domains.items():
    lines.append(
      f'{name.upper()} images: {domain.channels} channel'
      f'{"s" if domain.channels > 1 else ""}, values 0 to '
      f'{domain.normalization.max_value:g}.'
    )
  band = (
    f' (RGB {bands.format_band(bands.parse("rgb_band", data.rgb_band))}, IR '
    f'{bands.format_band(bands.parse("ir_band", data.ir_band))})'
    if data.normalization.startswith('spectral_')
    else ''
  )
  lines.append(f'Normalization: {data.normalization}{band}.')
  if data.ir_range:
    span = radiometry.parse(data.ir_range)
    lines.append(
      f'IR gray levels, as whoever trained it says: {span.low:g} to {span.high:g} '
      f'{span.unit}, linear.'
    )
  changed = [
    f'`--{name}={format_value(new)}`'
    for name, (_, new) in differences(config_lib.make(config.train.preset), config).items()
    if name not in PLACES
  ]
  lines.append(f'Beside the preset: {", ".join(changed) or "nothing changed"}.')
  lines.append(
    f'Weights: after step {model.step} of {model.trained_steps} trained'
    f'{", moving averages" if config.train.ema_decay else ""}.'
  )
  return '\n'.join(f'- {line}' for line in lines)


def _use(config: Config) -> str:
  height, width = config.data.image_size
  return (
    f'Research on synthetic infrared images, such as adding them to the training data of '
    f'a detector. It was trained at {height}x{width} pixels: objects should be about as '
    'large in pixels as they were there. Compare with a plain gray-scale image before you '
    'rely on it.\n\nNot for measuring, not for finding people or faults, and not for any '
    'decision that a real thermal camera should be behind.'
  )


def _limits(config: Config, metrics: Mapping[str, Any] | None) -> str:
  lines = []
  if config.data.ir_range:
    lines.append(
      'The values are guesses of a network in the units above, not measurements of any scene.'
    )
  else:
    lines.append(
      'No temperatures: gray levels have no unit. In images that are stretched to their '
      'own contrast, the same gray is another temperature in each.'
    )
  lines.append(
    evaluation_files.verdict(metrics)
    if metrics
    else 'It has not been measured: nothing says that it is better than a mean image.'
  )
  lines.append(
    'It knows what the images of its training show. Heat that leaves no trace in an RGB '
    'image, such as a running engine or a fever, cannot be seen by it.'
  )
  lines.append(
    f'One seed ({config.train.seed}): how far another training would differ is not part '
    'of the figures.'
  )
  if config.data.normalization == 'emsn':
    lines.append('EMSN, as printed in the paper, is plain scaling to [-1, 1].')
  if not config.data.paired:
    lines.append('Trained without pairs: no loss compared a generated image with the true one.')
  return '\n'.join(f'- {line}' for line in lines)


def _data(
  model: Model, workdir: pathlib.Path, metrics: Mapping[str, Any] | None, given: Given
) -> str:
  facts = run_folder.read_json(workdir / run_folder.DATA)
  data = model.config.data
  read_as = {'dataset': data.dataset, **data.options}
  lines = [
    f'Source: {given.data_source or _fill("where the images come from")}.',
    f'Read as `{" ".join(f"--{name}={value}" for name, value in read_as.items())}`, '
    f'{"pairs" if data.paired else "drawn without pairs"}.',
  ]
  for name, split in facts['splits'].items():
    lines.append(
      f'{name}: {split["rgb"]} RGB and {split["ir"]} IR images'
      f'{", pairs" if split["aligned"] else ""}.'
    )
  lines.append(f'Fingerprint of the examples and their splits: `{facts["fingerprint"]}`.')
  if metrics:
    lines.append(f'SHA-256 of the sorted names of the test split: `{metrics["split_sha256"]}`.')
  return '\n'.join(f'- {line}' for line in lines)


def _results(model: Model, metrics: Mapping[str, Any] | None) -> str:
  if not metrics:
    return _fill('figures: run experiments.evaluate, then this command again')
  other = metrics['checkpoint_step'] != model.step
  note = (
    f'\n\n**These figures are of step {metrics["checkpoint_step"]}, the weights of step '
    f'{model.step}. Run experiments.evaluate again.**'
    if other
    else ''
  )
  return (
    f'{evaluation_files.markdown(metrics)}- measured with commit `{metrics["commit"] or "unknown"}`.'
    f'{note}'
  )


def _training(model: Model, workdir: pathlib.Path, given: Given) -> str:
  train = model.config.train
  seconds = _seconds(workdir / run_folder.METRICS, train.batch_size)
  cost = f', about {duration(seconds)} in training steps' if seconds else ''
  versions = ', '.join(f'{name} {version}' for name, version in provenance.versions().items())
  return '\n'.join(
    [
      f'- {model.trained_steps} steps of {train.batch_size} examples{cost}.',
      f'- Hardware: {given.hardware or _fill("what it was trained on")}.',
      f'- Adam, learning rate {train.learning_rate:g}, seed {train.seed}.',
      f'- This card: commit `{provenance.commit() or "unknown"}`, {versions}.',
    ]
  )


def _seconds(file: pathlib.Path, batch_size: int) -> float:
  """Time of the training steps by the rates in metrics.csv, in s; 0 if it has none."""
  if not file.exists():
    return 0.0
  with file.open(newline='') as lines:
    rows = [row for row in csv.DictReader(lines) if row.get('images_per_second')]
  steps = [0, *(int(row['step']) for row in rows)]
  return sum(
    (step - before) * batch_size / float(row['images_per_second'])
    for before, step, row in zip(steps, steps[1:], rows)
  )
