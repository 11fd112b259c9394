"""The study: an instrument for each condition and seed, tested on the test split.

It resumes from the files of its jobs, see jobs.py.
"""

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import dataclasses
import functools
import itertools
import json
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax.data import training_conditions
from cyclegan_jax.data.source import Dataset, evenly_spaced
from cyclegan_jax.downstream import (
  conditions as conditions_lib,
  examples as examples_lib,
  kept,
  scoring,
)
from cyclegan_jax.downstream.conditions import Condition, GENERATED, LUMINANCE, REAL
from cyclegan_jax.downstream.examples import Examples
from cyclegan_jax.downstream.jobs import Job, Outcome
from cyclegan_jax.downstream.training import Instrument, Recipe, train
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import measure
from cyclegan_jax.evaluation.evaluate import TrainedModel
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import DataConfig

JOBS = 'jobs'
# What the instrument that has learned from real IR also judges: the FCN score (Isola et al. 2017).
FCN = 'fcn_'
_FORMAT = 1
_N_SHOWN = 6


class Stopped(Exception):
  """The study was asked to stop; what is done is in the folder."""


@dataclasses.dataclass(frozen=True)
class Plan:
  """What is to be found out.

  Attributes:
    few: shares of few real IR images, each above 0 and below 1.
    seeds: instruments for each condition, with seeds from 0 on.
    recipe: of the instruments.
  """

  few: tuple[float, ...] = (0.05, 0.2)
  seeds: int = 5
  recipe: Recipe = dataclasses.field(default_factory=Recipe)

  @property
  def conditions(self) -> list[Condition]:
    """What instruments learn from."""
    return conditions_lib.conditions(self.few)


@dataclasses.dataclass(frozen=True)
class Studied:
  """All that a study has found.

  Attributes:
    plan: what was asked.
    test: the examples of the test split.
    shown: those of them that have pictures.
    class_names: of the labels.
    outcomes: condition -> those of all seeds, in order.
  """

  plan: Plan
  test: Examples
  shown: list[int]
  class_names: Sequence[str]
  outcomes: Mapping[str, list[Outcome]]


def run(
  folder: pathlib.Path,
  model: TrainedModel,
  dataset: Dataset,
  config: DataConfig,
  plan: Plan,
  log: Log = print,
  stop: Callable[[], Any] = lambda: False,
  instruments: pathlib.Path | None = None,
) -> Studied:
  """Trains and tests the instruments that the folder lacks.

  Args:
    folder: takes the counts; it need not exist.
    model: generates IR images.
    dataset: what the model was trained on, with labels.
    config: what it was opened with.
    plan: what to find out.
    log: takes lines about the progress.
    stop: is asked before each step whether to stop.
    instruments: a folder for the instruments that learn from no generated image, so that studies of
      other models on the same data need not train them; it need not exist.

  Raises:
    UserError: the model makes no IR images; or the data are not fit for it, see `examples.check`.
    Stopped: `stop` said so.
  """
  if 'rgb_to_ir' not in model.translators:
    raise UserError(
      'The study learns from generated IR images, and this model makes RGB images '
      f'(--direction={model.config.model.direction}). Study a model of the other direction.'
    )
  examples_lib.check(dataset)
  predict = measure.predictor(model.translators['rgb_to_ir'], model.domains)

  def go_on() -> None:
    if stop():
      raise Stopped

  read = functools.partial(
    examples_lib.read,
    dataset,
    config=config,
    predict=predict,
    batch_size=model.config.train.batch_size,
    log=log,
    on_batch=go_on,
  )
  jobs = _jobs(folder, model, dataset, config, plan)
  missing = [job for job in jobs if job.load() is None]
  log(f'{len(jobs)} instruments to train, {len(jobs) - len(missing)} of them done already.')
  test = read('test', shown=_shown)
  if missing:
    (folder / JOBS).mkdir(parents=True, exist_ok=True)
    n_classes = len(dataset.class_names)
    bench = Bench(model.domains['ir'].max_value, n_classes, plan.recipe, test, instruments)
    conditions = None
    if told := model.domains['ir'].condition:
      conditions = training_conditions.drawn(told, dataset, config, log)
      log('Each training image is generated with the condition of another one, drawn at random.')
    _work(missing, bench, read('train', conditions=conditions), log, go_on)
  outcomes: dict[str, list[Outcome]] = {}
  for job in jobs:
    if (outcome := job.load()) is None:
      raise OSError(f'{job.file} cannot be read. Start the command again.')
    outcomes.setdefault(job.condition.name, []).append(outcome)
  return Studied(plan, test, _shown(len(test.ids)), dataset.class_names, outcomes)


def _shown(n: int) -> list[int]:
  """The test examples that have pictures."""
  return evenly_spaced(n, _N_SHOWN)


@dataclasses.dataclass(frozen=True)
class Bench:
  """Where instruments are made and tested: what is the same for all of them."""

  max_value: float
  n_classes: int
  recipe: Recipe
  test: Examples
  shared: pathlib.Path | None

  def train(
    self, images: np.ndarray, labels: np.ndarray, seed: int, steps: Iterable[Any]
  ) -> Instrument:
    """Trains an instrument; see `training.train`."""
    return train(images, labels, self.max_value, self.n_classes, self.recipe, seed, steps)

  def take(
    self, images: np.ndarray, labels: np.ndarray, seed: int, steps: Iterable[Any]
  ) -> Instrument:
    """Returns the instrument of `train`, which another study may have trained."""
    if self.shared is None:
      return self.train(images, labels, seed, steps)
    facts = self.max_value, self.n_classes, self.recipe
    file = kept.file(self.shared, images, labels, *facts, seed)
    if (instrument := kept.load(file, *facts)) is None:
      instrument = self.train(images, labels, seed, steps)
      kept.save(file, instrument)
    return instrument

  def judge(self, instrument: Instrument, condition: Condition, n_train: int) -> Outcome:
    """Tests an instrument on real IR; the one that has learned from it also on other images."""
    judged = {condition.name: REAL}
    if condition.name == REAL:
      judged |= {f'{FCN}{name}': name for name in (GENERATED, LUMINANCE)}
    test = self.test
    predictions = {name: instrument(test.images[kind]) for name, kind in judged.items()}
    counts = {
      name: scoring.confusion(test.labels, prediction, self.n_classes)
      for name, prediction in predictions.items()
    }
    shown = predictions[condition.name][_shown(len(test.ids))]
    return Outcome(n_train, counts, shown)


def _work(
  jobs: Sequence[Job], bench: Bench, training: Examples, log: Log, go_on: Callable[[], None]
) -> None:
  """Trains and tests the instruments of jobs, and saves what they found."""
  # Compiles, so that the time left is not misjudged.
  bench.train(training.images[REAL], training.labels, 0, range(1))
  total = bench.recipe.steps * len(jobs)
  ticks = tracked(itertools.count(), total, 'Training instruments: step', log, unit='steps')

  def steps() -> Iterator[None]:
    for _ in range(bench.recipe.steps):
      go_on()
      next(ticks)
      yield

  for number, job in enumerate(jobs, 1):
    images, labels = job.condition.select(training.images, training.labels, job.seed)
    make = bench.train if job.condition.others == GENERATED else bench.take
    own_steps = steps()
    instrument = make(images, labels, job.seed, own_steps)
    collections.deque(own_steps, maxlen=0)  # One that was trained before has taken none of them.
    outcome = bench.judge(instrument, job.condition, len(images))
    job.save(outcome)
    score = 100 * scoring.mean_iou(outcome.counts[job.condition.name])
    log(f'{number}/{len(jobs)} {job.condition.title}, seed {job.seed}: mean IoU {score:.1f} %')


def _jobs(
  folder: pathlib.Path, model: TrainedModel, dataset: Dataset, config: DataConfig, plan: Plan
) -> list[Job]:
  """All jobs: every condition with one seed, then with the next."""
  facts = {
    'format': _FORMAT,
    'checkpoint_step': model.step,
    'fingerprint': dataset.fingerprint,
    'label_dir': config.label_dir,
    'classes': list(dataset.class_names),
    'recipe': dataclasses.asdict(plan.recipe),
  }
  if model.domains['ir'].condition:
    facts['conditions'] = 'drawn'
  found = []
  for seed, condition in itertools.product(range(plan.seeds), plan.conditions):
    identity = json.dumps(facts | {'condition': dataclasses.asdict(condition), 'seed': seed})
    file = folder / JOBS / f'{condition.name}-seed{seed}.npz'
    found.append(Job(condition, seed, file, identity))
  return found
