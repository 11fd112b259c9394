"""Videos, frame by frame, with PyAV (the extra `video`).

The data are written without loss as FFV1 in Matroska (.mkv): gray or RGB, 8 or 16 bit. Every frame
keeps its time, so order, rate and pauses are those of the source. Sound is left out. A preview in
false color is H.264 in .mp4, with loss.
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
from cyclegan_jax.inference.inputs import Job
from cyclegan_jax.inference.outputs import FileTranslator
from cyclegan_jax.progress import duration, Log, tracked

# The most pixels and the most frames in a batch.
_BATCH_PIXELS = 2**20
_BATCH_FRAMES = 16
_LAYOUTS = {(1, 8): 'gray', (1, 16): 'gray16le', (3, 8): 'rgb24', (3, 16): 'rgb48le'}
# FFV1 stores RGB in these layouts.
_STORED = {'rgb24': 'bgr0', 'rgb48le': 'gbrp16le'}
# Playlists and the like, which name other files and addresses, are not opened.
_READING = {
  'protocol_whitelist': 'file',
  'format_whitelist': 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf',
}
_MICROSECONDS = 10**6


def translate_file(translator: FileTranslator, job: Job, log: Log = print) -> None:
  """Translates a video. The result is written completely or not at all.

  Raises:
    UserError: PyAV is not installed, or the file is damaged, cut off or not a video.
    OSError: the result cannot be written.
  """
  av, begin, n = _av(), time.monotonic(), 0
  targets = translator.options.targets(job)
  with contextlib.ExitStack() as stack:
    with _explained(job.source):
      container = stack.enter_context(av.open(str(job.source), options=_READING))
    source = _Source(container, job.source)
    writers = {
      kind: stack.enter_context(_writer(target, source.rate, kind == 'preview'))
      for kind, target in targets.items()
    }
    frames = tracked(source.frames(), source.expected, f'Translating {job.source.name}', log)
    while batch := list(itertools.islice(frames, source.batch)):
      images = [
        translator.prepare(frame.pixels, f'{job.source}, frame {n + i}')
        for i, frame in enumerate(batch)
      ]
      results = translator.translate(np.stack(images), str(job.source))
      n += len(batch)
      for frame, image, result in zip(batch, images, results):
        for kind, (pixels, texts) in translator.contents(image, result).items():
          writers[kind].add(pixels, frame, texts)
    source.check_complete(n)
  seconds = time.monotonic() - begin
  log(f'Translated {n} frames of {job.source} in {duration(seconds)}, {n / seconds:.1f} frames/s.')


def read_texts(path: pathlib.Path) -> dict[str, str]:
  """Reads the metadata of a video, with keys in lower case; UserError if it cannot be read."""
  with _explained(path), _av().open(str(path), options=_READING) as container:
    return {key.lower(): value for key, value in container.metadata.items()}


@dataclasses.dataclass(frozen=True)
class Frame:
  """One frame of a video.

  Attributes:
    pixels: uint8 or uint16 [height, width, 1 or 3].
    time: when it is shown, in units of `unit`.
    unit: in seconds.
  """

  pixels: np.ndarray
  time: int
  unit: fractions.Fraction


class _Source:
  """A video to read.

  Attributes:
    rate: frames per second.
    batch: frames to translate at a time.
    expected: number of frames, as far as the file says.
  """

  def __init__(self, container: Any, path: pathlib.Path):
    if not container.streams.video:
      raise UserError(f'{path} contains no pictures, only sound or text.')
    self._container, self._path = container, path
    self._stream = container.streams.video[0]
    self._stream.thread_type = 'AUTO'
    self._end = fractions.Fraction(0)
    width, height = self._stream.codec_context.width, self._stream.codec_context.height
    if width * height > decoding.MAX_PIXELS:
      raise UserError(
        f'{path}: {width}x{height} pixels are more than --max_megapixels='
        f'{decoding.MAX_PIXELS // 10**6} allows.'
      )
    self.rate = self._stream.average_rate or self._stream.guessed_rate or fractions.Fraction(25)
    self.batch = min(max(_BATCH_PIXELS // max(width * height, 1), 1), _BATCH_FRAMES)
    self._seconds = fractions.Fraction(container.duration or 0, _MICROSECONDS)
    self.expected = self._stream.frames or round(self._seconds * self.rate)

  def frames(self) -> Iterator[Frame]:
    """Yields all frames; UserError where the file is damaged."""
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
            f'{self._path}: the frames change their size, from {size[1]}x{size[0]} to '
            f'{pixels.shape[1]}x{pixels.shape[0]} at frame {i}.'
          )
        yield Frame(pixels, pts, unit)

  def check_complete(self, n: int) -> None:
    """Raises UserError if the file announced more than the n frames that it has."""
    if n == 0:
      raise UserError(f'{self._path} contains no frames.')
    if n < self._stream.frames:
      raise UserError(f'{self._path} is cut off: it has {n} of {self._stream.frames} frames.')
    # Sound may be longer than the picture.
    if len(self._container.streams) == 1 and self._end + 3 / self.rate < self._seconds:
      raise UserError(
        f'{self._path} is cut off: its frames end at {float(self._end):.2f} of '
        f'{float(self._seconds):.2f} s.'
      )


class _Writer:
  """A video to write, lossless or as a preview."""

  def __init__(self, container: Any, rate: fractions.Fraction, is_preview: bool):
    self._container, self._is_preview = container, is_preview
    self._stream = container.add_stream('libx264' if is_preview else 'ffv1', rate=rate)
    self._is_open = False

  def add(self, pixels: np.ndarray, at: Frame, texts: Mapping[str, str]) -> None:
    """Writes [height, width, 1 or 3] at a frame's time; the first frame's metadata count."""
    if self._is_preview:  # H.264 halves the resolution of color: even sizes.
      pixels = pixels[: pixels.shape[0] // 2 * 2 or 1, : pixels.shape[1] // 2 * 2 or 1]
    layout = _LAYOUTS[pixels.shape[-1], 8 * pixels.itemsize]
    if not self._is_open:
      self._is_open = True
      self._container.metadata.update(texts)
      self._stream.height, self._stream.width = pixels.shape[:2]
      self._stream.pix_fmt = 'yuv420p' if self._is_preview else _STORED.get(layout, layout)
      self._stream.time_base = self._stream.codec_context.time_base = at.unit
    plane = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    frame = _av().VideoFrame.from_ndarray(np.ascontiguousarray(plane), layout)
    frame.pts, frame.time_base = at.time, at.unit
    self._container.mux(self._stream.encode(frame))

  def finish(self) -> None:
    """Writes what the encoder still holds."""
    if self._is_open:
      self._container.mux(self._stream.encode(None))


@contextlib.contextmanager
def _writer(target: pathlib.Path, rate: fractions.Fraction, is_preview: bool) -> Iterator[_Writer]:
  """Yields the writer of a video that gets its name when it is complete."""
  target.parent.mkdir(parents=True, exist_ok=True)
  format_ = 'mp4' if is_preview else 'matroska'
  with (
    files.replacing(target) as temporary,
    _av().open(str(temporary), 'w', format=format_) as container,
  ):
    writer = _Writer(container, rate, is_preview)
    yield writer
    writer.finish()


def _pixels(frame: Any) -> np.ndarray:
  """Returns a frame as [height, width, 1 or 3], upright."""
  deep = any(component.bits > 8 for component in frame.format.components)
  channels = 1 if frame.format.name.startswith('gray') else 3
  pixels = frame.to_ndarray(format=_LAYOUTS[channels, 16 if deep else 8])
  pixels = pixels.reshape(*pixels.shape[:2], channels)
  turns = round(frame.rotation / 90) % 4
  return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


@contextlib.contextmanager
def _explained(path: pathlib.Path) -> Iterator[None]:
  """Turns FFmpeg's errors about a file into UserError."""
  av = _av()
  try:
    yield
  except av.error.FFmpegError as error:
    raise UserError(
      f'{path} is damaged, or not a video that can be read ({error.strerror}).'
    ) from error


def _av() -> Any:
  """Imports PyAV; UserError if it is not installed."""
  try:
    import av
  except ImportError as error:
    raise UserError('Videos need PyAV: pip install -e ".[video]"') from error
  return av
