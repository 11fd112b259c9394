"""Videos, frame by frame, with PyAV (the extra `video`).

The data are written without loss as FFV1 in Matroska (.mkv): gray or RGB, 8 or 16 bit. Every frame
that a player shows keeps its time, so order, rate and pauses are those of the source; where times
do not rise, see times.py. Sound is left out. A preview in false color is H.264 in .mp4, with
loss.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import fractions
import itertools
import pathlib
import time
from typing import Any, NamedTuple

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding
from cyclegan_jax.inference.files.inputs import Job
from cyclegan_jax.inference.files.outputs import FileTranslator
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.inference.video import length
from cyclegan_jax.inference.video.times import RisingTimes
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
  begin, n = time.monotonic(), 0
  with contextlib.ExitStack() as stack:
    with _explained(job.source):
      missing = length.missing_bytes(job.source)
      if missing:
        raise UserError(
          f'{job.source} is cut off: it lacks {missing:,} bytes at its end. Copy it again, or '
          'repair it first, as with ffmpeg -i FILE -c copy REPAIRED.mkv'
        )
      container = stack.enter_context(_open(job.source))
    source = _Source(container, job.source)
    writers = {
      kind: stack.enter_context(_writer(job.source, target, source.rate, kind == 'preview'))
      for kind, target in translator.options.targets(job).items()
    }
    frames = tracked(
      source.frames(), source.expected, f'Translating {job.source.name}', log, unit='frames'
    )
    size = min(max(_BATCH_PIXELS // max(source.pixels, 1), 1), _BATCH_FRAMES)
    while batch := list(itertools.islice(frames, size)):
      images = [
        translator.prepare(frame.pixels, f'{job.source}, frame {n + i}')
        for i, frame in enumerate(batch)
      ]
      results = translator.translate([Scene(image) for image in images], str(job.source))
      n += len(batch)
      for frame, image, result in zip(batch, images, results):
        for kind, (pixels, texts) in translator.contents(image, result).items():
          writers[kind](pixels, frame, texts)
  seconds = time.monotonic() - begin
  log(f'Translated {n} frames of {job.source} in {duration(seconds)}, {n / seconds:.1f} frames/s.')
  for note in source.notes(n):
    log(f'{job.source}: {note}')


def read_texts(path: pathlib.Path) -> dict[str, str]:
  """Reads the metadata of a video, with keys in lower case; UserError if it cannot be read."""
  with _explained(path), _open(path) as container:
    return {key.lower(): value for key, value in container.metadata.items()}


def _open(path: pathlib.Path) -> Any:
  av = _av()
  # Texts may be in any encoding. PyAV 19 takes them all, and has no such option any more.
  any_text = {} if int(av.__version__.partition('.')[0]) > 18 else {'metadata_errors': 'replace'}
  return av.open(str(path), options=_READING, **any_text)


class _Frame(NamedTuple):
  """Pixels, uint8 or uint16 [height, width, 1 or 3], shown at `time` in units of `unit` seconds."""

  pixels: np.ndarray
  time: int
  unit: fractions.Fraction


class _Source:
  """The pictures of an open video.

  Attributes:
    rate: nominal frames per second.
    pixels: of a frame.
    expected: about how many frames there are; None if the file does not say.
    counted: how many its header counts; 0 if it does not.
  """

  def __init__(self, container: Any, path: pathlib.Path):
    """UserError if there are no pictures, or too large ones."""
    self._container, self._path = container, path
    if not container.streams.video:
      raise UserError(f'{path} contains no pictures, only sound or text.')
    # Not the picture of a cover.
    self._stream = stream = container.streams.best('video') or container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    self.pixels = width * height
    if self.pixels > decoding.MAX_PIXELS:
      raise UserError(
        f'{path}: {width}x{height} pixels are more than --max_megapixels='
        f'{decoding.MAX_PIXELS // 10**6} allows.'
      )
    self.rate = stream.average_rate or stream.guessed_rate or fractions.Fraction(25)
    seconds = fractions.Fraction(container.duration or 0, _MICROSECONDS)
    if stream.duration and stream.time_base:
      seconds = stream.duration * stream.time_base
    self.counted = stream.frames
    # Some headers have a negative duration instead of none.
    self.expected = self.counted or max(round(seconds * self.rate), 0) or None
    self._times: RisingTimes | None = None
    self._undecodable = 0

  def frames(self) -> Iterator[_Frame]:
    """Yields all frames that a player shows; UserError where the file is damaged."""
    shape, unit = None, 1 / self.rate
    for n, frame in enumerate(self._decoded()):
      if self._times is None:
        unit = frame.time_base or unit
        self._times = RisingTimes(unit, self.rate)
      with _explained(self._path):
        pixels = _pixels(frame)
      shape = shape or pixels.shape
      if pixels.shape != shape:
        raise UserError(
          f'{self._path}: the frames change their size, from {shape[1]}x{shape[0]} to '
          f'{pixels.shape[1]}x{pixels.shape[0]} at frame {n}. Cut the video there, and translate '
          'the parts.'
        )
      yield _Frame(pixels, self._times.rising(frame.pts), unit)
    if shape is None:
      raise UserError(f'{self._path} contains no frames.')

  def notes(self, n: int) -> Iterator[str]:
    """Yields a sentence on whatever is not as the file says, after n frames."""
    if self._undecodable:
      yield (
        f'what comes before the first key frame is left out, as in players ({self._undecodable} '
        'packets).'
      )
    if self.counted > n:
      yield f'its header counts {self.counted} frames; a player shows {n}, the results too.'
    if self._times and self._times.mended:
      yield (
        f'times repeat or fall back, at first at frame {self._times.first}; '
        f'{self._times.mended} frames got other times, which rise.'
      )

  def _decoded(self) -> Iterator[Any]:
    """Frames as they are decoded; recordings may begin with packets that need earlier ones."""
    begun = False
    with _explained(self._path):
      for packet in self._container.demux(self._stream):
        try:
          found = packet.decode()
        except _av().error.InvalidDataError:
          if begun:
            raise
          self._undecodable += 1
          continue
        for frame in found:
          begun = True
          yield frame


@contextlib.contextmanager
def _writer(
  source: pathlib.Path, target: pathlib.Path, rate: fractions.Fraction, is_preview: bool
) -> Iterator[Callable[[np.ndarray, _Frame, Mapping[str, str]], None]]:
  """Yields a function that adds a frame to a video, which gets its name when it is complete.

  The function takes pixels [height, width, 1 or 3], the frame whose time they have, and metadata,
  of which the first frame's count. UserError if the encoder cannot take what the source has.
  """
  target.parent.mkdir(parents=True, exist_ok=True)
  format_ = 'mp4' if is_preview else 'matroska'
  with (
    files.replacing(target) as temporary,
    _written(source, target),
    _av().open(str(temporary), 'w', format=format_) as container,
  ):
    stream = container.add_stream('libx264' if is_preview else 'ffv1', rate=rate)
    is_open = False

    def add(pixels: np.ndarray, at: _Frame, texts: Mapping[str, str]) -> None:
      nonlocal is_open
      if is_preview:  # H.264 halves the resolution of color: even sizes.
        for axis in (0, 1):
          pixels = pixels.repeat(2, axis) if pixels.shape[axis] == 1 else pixels
        pixels = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
      layout = _LAYOUTS[pixels.shape[-1], 8 * pixels.itemsize]
      if not is_open:
        is_open = True
        container.metadata.update(texts)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = 'yuv420p' if is_preview else _STORED.get(layout, layout)
        stream.time_base = stream.codec_context.time_base = at.unit
      plane = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
      frame = _av().VideoFrame.from_ndarray(np.ascontiguousarray(plane), layout)
      frame.pts, frame.time_base = at.time, at.unit
      container.mux(stream.encode(frame))

    yield add
    if is_open:
      container.mux(stream.encode(None))  # What the encoder still holds.


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
  except (av.error.FFmpegError, OSError) as error:
    raise UserError(
      f'{path} is damaged, or not a video that can be read ({error.strerror}).'
    ) from error


@contextlib.contextmanager
def _written(source: pathlib.Path, target: pathlib.Path) -> Iterator[None]:
  """Turns FFmpeg's errors about a result into OSError, for a disk, or UserError, for a frame."""
  av = _av()
  try:
    yield
  except (av.error.OSError, av.error.PermissionError) as error:
    raise OSError(error.errno, error.strerror) from error
  except av.error.FFmpegError as error:
    raise UserError(
      f'{source} cannot be written as {target} ({error.strerror}). Convert the source first, as '
      'with ffmpeg -i FILE -c:v ffv1 CONVERTED.mkv'
    ) from error


def _av() -> Any:
  """Imports PyAV; UserError if it is not installed."""
  try:
    import av
  except ImportError as error:
    raise UserError('Videos need PyAV: pip install -e ".[video]"') from error
  return av
