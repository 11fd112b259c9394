"""Translates image and video files with a trained model."""

import collections
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
import time

import jax
import numpy as np

from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import metadata, outputs, video
from cyclegan_jax.inference.inputs import Job
from cyclegan_jax.inference.model import Model
from cyclegan_jax.inference.outputs import Settings
from cyclegan_jax.progress import duration, Log, tracked

# A batch has so many pixels on each device, and at most so many images.
_BATCH_PIXELS = 2**20
_BATCH_IMAGES = 32
# Images of other sizes wait for company as long as all of them have at most so many pixels.
_WAITING_PIXELS = 2**23
_THREADS = 4


def check_existing(jobs: Sequence[Job], settings: Settings, texts: Mapping[str, str]) -> list[Job]:
  """The jobs that are left to do: whose files are not all there.

  Raises:
    UserError: a file is there that another model, or other settings, made.
  """
  left = []
  for job in jobs:
    if settings.overwrite or not job.target.exists():
      left.append(job)
      continue
    try:
      found = video.read_texts(job.target) if job.is_video else images.read_texts(job.target)
    except UserError:
      found = {}
    if not metadata.is_same(found, texts):
      differ = ', '.join(
        f'{key} {found[key]} there, {texts.get(key, "none")} now'
        for key in found
        if key != metadata.SOFTWARE and found[key] != texts.get(key)
      )
      raise UserError(
        f'{job.target} exists, and was not made by this model with these settings'
        f'{f" ({differ})" if differ else ""}. Choose another --output, or --overwrite.'
      )
    if not all(target.exists() for target in settings.targets(job).values()):
      left.append(job)
  return left


def translate_files(
  model: Model, jobs: Sequence[Job], settings: Settings, texts: Mapping[str, str], log: Log = print
) -> list[str]:
  """Translates files; those that cannot be read are left out and reported.

  Args:
    model: the trained model.
    jobs: what to translate, see `inputs.plan` and `check_existing`.
    settings: how.
    texts: metadata of the results.
    log: takes each line meant for a person.

  Returns:
    One message per file that could not be translated, in order.

  Raises:
    UserError: results cannot be written.
  """
  stills = [job for job in jobs if not job.is_video]
  begin = time.monotonic()
  failures = _Stills(model, settings, texts, log).run(stills)
  seconds = time.monotonic() - begin
  if stills:
    log(
      f'Translated {len(stills) - len(failures)} of {len(stills)} images in '
      f'{duration(seconds)}, {len(stills) / seconds:.1f} images/s.'
    )
  for job in jobs:
    if job.is_video:
      try:
        video.translate_file(model, job, settings, texts, log)
      except UserError as error:
        failures.append(str(error))
      except OSError as error:
        raise _unwritable(job, error) from error
  return failures


class _Stills:
  """Images on their way: read ahead, collected to batches of one size, translated, written."""

  def __init__(self, model: Model, settings: Settings, texts: Mapping[str, str], log: Log):
    self._model, self._settings, self._texts, self._say = model, settings, texts, log
    self._waiting: dict[tuple, list[tuple[Job, np.ndarray]]] = {}
    self._failures: list[str] = []
    self._writing: collections.deque = collections.deque()

  def run(self, jobs: Sequence[Job]) -> list[str]:
    """Does all jobs; returns a message for each that failed."""
    with (
      futures.ThreadPoolExecutor(_THREADS) as readers,
      futures.ThreadPoolExecutor(_THREADS) as self._writers,
    ):
      for job, reading in tracked(
        _read_ahead(readers, self._read, jobs), len(jobs), 'Translating', self._say
      ):
        try:
          self._add(job, reading.result())
        except UserError as error:
          self._failures.append(str(error))
      while self._waiting:
        self._flush(next(iter(self._waiting)))
      self._finish_writing(0)
    return self._failures

  def _read(self, job: Job) -> np.ndarray:
    return outputs.prepared(
      self._model, images.read_image(job.source), self._settings, str(job.source)
    )

  def _add(self, job: Job, image: np.ndarray) -> None:
    """Puts an image to those of its size, and translates these if they are enough."""
    key = image.shape, image.dtype
    group = self._waiting.setdefault(key, [])
    group.append((job, image))
    enough = min(max(_BATCH_PIXELS // (image.shape[0] * image.shape[1]), 1), _BATCH_IMAGES)
    if len(group) >= enough * jax.local_device_count():
      self._flush(key)
    while (
      sum(len(group) * shape[0] * shape[1] for (shape, _), group in self._waiting.items())
      > _WAITING_PIXELS
    ):
      self._flush(next(iter(self._waiting)))

  def _flush(self, key: tuple) -> None:
    """Translates the images of a size and has them written."""
    group = self._waiting.pop(key)
    stack = np.stack([image for _, image in group])
    try:
      results = outputs.translated(self._model, stack, self._settings, str(group[0][0].source))
    except UserError as error:
      self._failures += [str(error)] * len(group)
      return
    for (job, image), result in zip(group, results):
      self._writing.append(
        (job, self._writers.submit(outputs.write, job, image, result, self._settings, self._texts))
      )
    self._finish_writing(2 * _THREADS)

  def _finish_writing(self, most: int) -> None:
    """Waits until at most so many images are not written yet."""
    while len(self._writing) > most:
      job, writing = self._writing.popleft()
      try:
        writing.result()
      except OSError as error:
        raise _unwritable(job, error) from error


def _read_ahead(
  pool: futures.Executor, read_: ..., jobs: Sequence[Job]
) -> Iterator[tuple[Job, futures.Future]]:
  """Jobs in order, each with its image in the making; a few more are read meanwhile."""
  pending = collections.deque()
  for job in jobs:
    pending.append((job, pool.submit(read_, job)))
    if len(pending) > _THREADS:
      yield pending.popleft()
  yield from pending


def _unwritable(job: Job, error: OSError) -> UserError:
  return UserError(
    f'{job.target} cannot be written: {error.strerror or error}. What was written '
    'before is whole, and the same command goes on.'
  )
