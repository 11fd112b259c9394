"""Video files, frame by frame, with PyAV (the extra `video`).

Data are written without loss as FFV1 in Matroska (.mkv): gray or RGB, 8 or 16 bit. Every frame
keeps its time, so that order, rate and pauses are those of the source. Sound is left out. A preview
in false color is H.264 in .mp4, with loss.
"""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import fractions
import itertools
import pathlib
import time
from typing import Any

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.data import decoding
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import outputs
from cyclegan_jax.inference.inputs import Job
from cyclegan_jax.inference.model import Model
from cyclegan_jax.inference.outputs import Settings
from cyclegan_jax.progress import duration, Log, tracked

# Frames of a batch have at most so many pixels, unless one alone has more.
_BATCH_PIXELS = 2**20
_BATCH_FRAMES = 16
_LAYOUTS = {(1, 8): 'gray', (1, 16): 'gray16le', (3, 8): 'rgb24', (3, 16): 'rgb48le'}
# FFV1 keeps the planes of RGB apart.
_STORED = {'rgb24': 'bgr0', 'rgb48le': 'gbrp16le'}
# Playlists and the like, which name other files and addresses, are not opened.
_READING = {
  'protocol_whitelist': 'file',
  'format_whitelist': 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf',
}
_MICROSECONDS = 10**6


def translate_file(
  model: Model, job: Job, settings: Settings, texts: Mapping[str, str], log: Log = print
) -> None:
  """Translates a video; a result is there whole or not at all.

  Args:
    model: the trained model.
    job: the video and what it becomes.
    settings: how.
    texts: metadata of the result.
    log: takes each line meant for a person.

  Raises:
    UserError: PyAV is not installed, or the video is damaged, cut off or no video.
    OSError: the result cannot be written.
  """
  av, begin, n = _av(), time.monotonic(), 0
  with contextlib.ExitStack() as stack:
    with _explained(job.source):
      container = stack.enter_context(av.open(str(job.source), options=_READING))
    source = _Source(container, job.source)
    writers = {
      kind: stack.enter_context(_written(target, source.rate, kind, texts))
      for kind, target in settings.targets(job).items()
    }
    frames = tracked(source.frames(), source.expected, f'Translating {job.source.name}', log)
    while batch := list(itertools.islice(frames, source.batch)):
      pixels = [
        outputs.prepared(model, frame.pixels, settings, f'{job.source}, frame {n + i}')
        for i, frame in enumerate(batch)
      ]
      results = outputs.translated(model, np.stack(pixels), settings, str(job.source))
      n += len(batch)
      for frame, image, result in zip(batch, pixels, results):
        contents = {
          'data': lambda: result,
          'gray': lambda: outputs.gray(image),
          'preview': lambda: outputs.preview(result, settings.colormap),
        }
        for kind, writer in writers.items():
          writer.add(contents[kind](), frame)
    source.check_complete(n)
  seconds = time.monotonic() - begin
  log(f'Translated {n} frames of {job.source} in {duration(seconds)}, {n / seconds:.1f} frames/s.')


def read_texts(path: pathlib.Path) -> dict[str, str]:
  """The metadata of a video, keys in lower case; UserError if it cannot be read."""
  with _explained(path), _av().open(str(path), options=_READING) as container:
    return {key.lower(): value for key, value in container.metadata.items()}


@dataclasses.dataclass(frozen=True)
class Frame:
  """One picture of a video.

  Attributes:
    pixels: uint8 or uint16 [height, width, 1 or 3].
    time: when it is shown, in units of `unit`.
    unit: seconds.
  """

  pixels: np.ndarray
  time: int
  unit: fractions.Fraction


class _Source:
  """A video that is read."""

  def __init__(self, container: Any, path: pathlib.Path):
    if not container.streams.video:
      raise UserError(f'{path}: there is no picture in it, only sound or text.')
    self._container, self._path = container, path
    self._stream = container.streams.video[0]
    self._stream.thread_type = 'AUTO'
    self._end: fractions.Fraction | None = None
    width, height = self._stream.codec_context.width, self._stream.codec_context.height
    if width * height > decoding.MAX_PIXELS:
      raise UserError(
        f'{path}: {width}x{height} pixels, more than is allowed: --max_megapixels='
        f'{decoding.MAX_PIXELS // 10**6}.'
      )
    self.rate = self._stream.average_rate or self._stream.guessed_rate or fractions.Fraction(25)
    self.batch = min(max(_BATCH_PIXELS // max(width * height, 1), 1), _BATCH_FRAMES)
    seconds = fractions.Fraction(container.duration or 0, _MICROSECONDS)
    self.expected = self._stream.frames or round(seconds * self.rate)

  def frames(self) -> Iterator[Frame]:
    """All of them; UserError where the file is damaged."""
    size = None
    with _explained(self._path):
      for i, frame in enumerate(self._container.decode(self._stream)):
        unit, pts = frame.time_base or 1 / self.rate, frame.pts
        pts = round(i / self.rate / unit) if pts is None else pts
        self._end = (pts - (self._stream.start_time or 0)) * unit
        pixels = _pixels(frame)
        size = size or pixels.shape
        if pixels.shape != size:
          raise UserError(
            f'{self._path}: its frames change their size, from {size[1]}x{size[0]} '
            f'to {pixels.shape[1]}x{pixels.shape[0]} at frame {i}.'
          )
        yield Frame(pixels, pts, unit)

  def check_complete(self, n: int) -> None:
    """Raises UserError if the file promised more frames than there were."""
    if n == 0:
      raise UserError(f'{self._path}: there is no frame in it.')
    if n < self._stream.frames:
      raise UserError(f'{self._path} is cut off: it has {n} of {self._stream.frames} frames.')
    seconds = fractions.Fraction(self._container.duration or 0, _MICROSECONDS)
    # Sound may last longer than the picture.
    if len(self._container.streams) == 1 and self._end + 3 / self.rate < seconds:
      raise UserError(
        f'{self._path} is cut off: its frames end at {float(self._end):.2f} of '
        f'{float(seconds):.2f} s.'
      )


class _Writer:
  """A video that is written."""

  def __init__(self, container: Any, rate: fractions.Fraction, is_preview: bool):
    self._container, self._is_preview = container, is_preview
    self._stream = container.add_stream('libx264' if is_preview else 'ffv1', rate=rate)
    self._is_open = False

  def add(self, pixels: np.ndarray, at: Frame) -> None:
    """Writes [height, width, 1 or 3] at a frame's time."""
    av = _av()
    if self._is_preview:  # H.264 halves the resolution of color: even sizes.
      pixels = pixels[: pixels.shape[0] // 2 * 2 or 1, : pixels.shape[1] // 2 * 2 or 1]
    layout = _LAYOUTS[pixels.shape[-1], 8 * pixels.itemsize]
    if not self._is_open:
      self._is_open = True
      self._stream.height, self._stream.width = pixels.shape[:2]
      self._stream.pix_fmt = 'yuv420p' if self._is_preview else _STORED.get(layout, layout)
      self._stream.time_base = self._stream.codec_context.time_base = at.unit
    plane = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(plane), layout)
    frame.pts, frame.time_base = at.time, at.unit
    self._container.mux(self._stream.encode(frame))

  def finish(self) -> None:
    """Writes what the encoder still holds."""
    if self._is_open:
      self._container.mux(self._stream.encode(None))


@contextlib.contextmanager
def _written(
  target: pathlib.Path, rate: fractions.Fraction, kind: str, texts: Mapping[str, str]
) -> Iterator[_Writer]:
  """A video that takes its name when it is complete."""
  target.parent.mkdir(parents=True, exist_ok=True)
  with files.replacing(target) as temporary:
    is_preview = kind == 'preview'
    with _av().open(str(temporary), 'w', format='mp4' if is_preview else 'matroska') as container:
      container.metadata.update({'data': texts, 'gray': outputs.GRAY_TEXTS}.get(kind, {}))
      writer = _Writer(container, rate, is_preview)
      yield writer
      writer.finish()


def _pixels(frame: Any) -> np.ndarray:
  """A frame as [height, width, 1 or 3], upright."""
  deep = any(component.bits > 8 for component in frame.format.components)
  channels = 1 if frame.format.name.startswith('gray') else 3
  pixels = frame.to_ndarray(format=_LAYOUTS[channels, 16 if deep else 8])
  pixels = pixels.reshape(*pixels.shape[:2], channels)
  turns = round(frame.rotation / 90) % 4
  return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


@contextlib.contextmanager
def _explained(path: pathlib.Path) -> Iterator[None]:
  """Turns what FFmpeg says of a damaged file into a UserError."""
  av = _av()
  try:
    yield
  except av.error.FFmpegError as error:
    raise UserError(
      f'{path}: no video that can be read, or a damaged one ({error.strerror}).'
    ) from error


def _av() -> Any:
  """PyAV; UserError if it is not installed."""
  try:
    import av  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise UserError('Videos need PyAV: pip install -e ".[video]"') from error
  return av
