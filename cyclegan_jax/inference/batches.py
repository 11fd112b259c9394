"""Images of files, with their layers, in batches, each with the canvas that its program is for."""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent import futures
import math
import pathlib

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import reading
from cyclegan_jax.inference import canvases
from cyclegan_jax.inference.canvases import Canvas, Size
from cyclegan_jax.inference.files.inputs import Job
from cyclegan_jax.inference.files.outputs import FileTranslator, Read
from cyclegan_jax.inference.scene import Scene

THREADS = 4
# The most pixels of images that wait until their batch is full.
_WAITING_PIXELS = 2**23

# Canvases by the path of the image that they are for.
Canvases = Mapping[pathlib.Path, Canvas]
# None for images of one size, whichever that is.
Batch = tuple[Canvas | None, list[tuple[Job, Scene]]]


def plan(translator: FileTranslator, jobs: Sequence[Job]) -> Canvases:
  """Chooses canvases for images by what their headers say; those without one have none."""
  if translator.options.at_training_size:
    return {}

  def size(job: Job) -> Size | None:
    try:
      header = reading.header(job.source)
    except UserError:  # It is named when it is translated.
      return None
    return translator.model.padded(header.height, header.width)

  with futures.ThreadPoolExecutor(THREADS) as readers:
    sizes = dict(zip((job.source for job in jobs), readers.map(size, jobs)))
  counted = collections.Counter(found for found in sizes.values() if found)
  chosen = canvases.plan(counted, translator.model.multiple, translator.fits())
  return {source: chosen[found] for source, found in sizes.items() if found in chosen}


def read_ahead(
  readers: futures.Executor, translator: FileTranslator, jobs: Sequence[Job], chosen: Canvases
) -> Iterator[tuple[Job, futures.Future[Read]]]:
  """Yields jobs with their images, canvas after canvas, while a few more are read."""
  places = {canvas: i for i, canvas in enumerate(dict.fromkeys(chosen.values()))}
  place = lambda job: places[chosen[job.source]] if job.source in chosen else len(places)
  pending = collections.deque()
  for job in sorted(jobs, key=place):
    pending.append((job, readers.submit(translator.read, job.source, str(job.source), job.layers)))
    if len(pending) > THREADS:
      yield pending.popleft()
  yield from pending


def batches(
  jobs: Iterable[tuple[Job, futures.Future[Read]]],
  chosen: Canvases,
  failures: list[str],
  lost: collections.Counter[str],
) -> Iterator[Batch]:
  """Groups images by their canvas, or by shape and dtype where they have none.

  It notes those that cannot be read, and counts what of the files is not translated.
  """
  waiting: dict[tuple, list[tuple[Job, Scene]]] = {}
  for job, future in jobs:
    try:
      scene, unused = future.result()
    except UserError as error:
      failures.append(str(error))
      continue
    lost.update(unused)
    canvas = chosen.get(job.source)
    pixels = scene.pixels
    key = (canvas,) if canvas else (None, pixels.shape, pixels.dtype)
    batch = waiting.setdefault(key, [])
    batch.append((job, scene))
    if len(batch) >= (canvas.rows if canvas else canvases.full(pixels.shape[:2])):
      yield canvas, waiting.pop(key)
    while _pixels(waiting.values()) > _WAITING_PIXELS:
      key = next(iter(waiting))
      yield key[0], waiting.pop(key)
  for key, batch in waiting.items():
    yield key[0], batch


def _pixels(waiting: Iterable[Sequence[tuple[Job, Scene]]]) -> int:
  return sum(math.prod(scene.pixels.shape[:2]) for batch in waiting for _, scene in batch)


class Programs:
  """Compiles the programs of canvases on a thread, in the order in which they are used."""

  def __init__(self, translator: FileTranslator, jobs: Sequence[Job], chosen: Canvases):
    used = {chosen[job.source] for job in jobs if job.source in chosen}
    order = [canvas for canvas in dict.fromkeys(chosen.values()) if canvas in used]
    self._thread = futures.ThreadPoolExecutor(1)
    self._compiled = {canvas: self._thread.submit(translator.compile, canvas) for canvas in order}

  def wait(self, canvas: Canvas | None) -> None:
    """Returns when the program of a canvas is ready; if it failed, its use says why."""
    if canvas:
      futures.wait([self._compiled[canvas]])

  def __enter__(self) -> 'Programs':
    return self

  def __exit__(self, *error: object) -> None:
    self._thread.shutdown(cancel_futures=True)
