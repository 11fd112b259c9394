"""Videos, frame by frame, with PyAV (the extra `video`).

The data are written without loss as FFV1 in Matroska (.mkv): gray or RGB, 8 or 16 bit. Every frame
keeps its time, so order, rate and pauses are those of the source. Sound is left out. A preview in
false color is H.264 in .mp4, with loss.
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
  begin, n = time.monotonic(), 0
  with contextlib.ExitStack() as stack:
    with _explained(job.source):
      container = stack.enter_context(_av().open(str(job.source), options=_READING))
    if not container.streams.video:
      raise UserError(f'{job.source} contains no pictures, only sound or text.')
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > decoding.MAX_PIXELS:
      raise UserError(
        f'{job.source}: {width}x{height} pixels are more than --max_megapixels='
        f'{decoding.MAX_PIXELS // 10**6} allows.'
      )
    rate = stream.average_rate or stream.guessed_rate or fractions.Fraction(25)
    writers = {
      kind: stack.enter_context(_writer(target, rate, kind == 'preview'))
      for kind, target in translator.options.targets(job).items()
    }
    frames = _frames(container, stream, rate, job.source)
    expected = stream.frames or round((container.duration or 0) * rate / _MICROSECONDS)
    frames = tracked(frames, expected, f'Translating {job.source.name}', log)
    size = min(max(_BATCH_PIXELS // max(width * height, 1), 1), _BATCH_FRAMES)
    while batch := list(itertools.islice(frames, size)):
      images = [
        translator.prepare(frame.pixels, f'{job.source}, frame {n + i}')
        for i, frame in enumerate(batch)
      ]
      results = translator.translate(np.stack(images), str(job.source))
      n += len(batch)
      for frame, image, result in zip(batch, images, results):
        for kind, (pixels, texts) in translator.contents(image, result).items():
          writers[kind](pixels, frame, texts)
  seconds = time.monotonic() - begin
  log(f'Translated {n} frames of {job.source} in {duration(seconds)}, {n / seconds:.1f} frames/s.')


def read_texts(path: pathlib.Path) -> dict[str, str]:
  """Reads the metadata of a video, with keys in lower case; UserError if it cannot be read."""
  with _explained(path), _av().open(str(path), options=_READING) as container:
    return {key.lower(): value for key, value in container.metadata.items()}


class _Frame(NamedTuple):
  """Pixels, uint8 or uint16 [height, width, 1 or 3], shown at `time` in units of `unit` seconds."""

  pixels: np.ndarray
  time: int
  unit: fractions.Fraction


def _frames(
  container: Any, stream: Any, rate: fractions.Fraction, path: pathlib.Path
) -> Iterator[_Frame]:
  """Yields all frames; UserError where the file is damaged, or if it announced more frames."""
  shape, n, end = None, 0, fractions.Fraction(0)
  with _explained(path):
    for frame in container.decode(stream):
      unit, pts = frame.time_base or 1 / rate, frame.pts
      pts = round(n / rate / unit) if pts is None else pts
      end = (pts - (stream.start_time or 0)) * unit
      pixels = _pixels(frame)
      shape = shape or pixels.shape
      if pixels.shape != shape:
        raise UserError(
          f'{path}: the frames change their size, from {shape[1]}x{shape[0]} to '
          f'{pixels.shape[1]}x{pixels.shape[0]} at frame {n}.'
        )
      n += 1
      yield _Frame(pixels, pts, unit)
  if n == 0:
    raise UserError(f'{path} contains no frames.')
  if n < stream.frames:
    raise UserError(f'{path} is cut off: it has {n} of {stream.frames} frames.')
  seconds = fractions.Fraction(container.duration or 0, _MICROSECONDS)
  # Sound may be longer than the picture.
  if len(container.streams) == 1 and end + 3 / rate < seconds:
    raise UserError(
      f'{path} is cut off: its frames end at {float(end):.2f} of {float(seconds):.2f} s.'
    )


@contextlib.contextmanager
def _writer(
  target: pathlib.Path, rate: fractions.Fraction, is_preview: bool
) -> Iterator[Callable[[np.ndarray, _Frame, Mapping[str, str]], None]]:
  """Yields a function that adds a frame to a video, which gets its name when it is complete.

  The function takes pixels [height, width, 1 or 3], the frame whose time they have, and metadata,
  of which the first frame's count.
  """
  target.parent.mkdir(parents=True, exist_ok=True)
  format_ = 'mp4' if is_preview else 'matroska'
  with (
    files.replacing(target) as temporary,
    _av().open(str(temporary), 'w', format=format_) as container,
  ):
    stream = container.add_stream('libx264' if is_preview else 'ffv1', rate=rate)
    is_open = False

    def add(pixels: np.ndarray, at: _Frame, texts: Mapping[str, str]) -> None:
      nonlocal is_open
      if is_preview:  # H.264 halves the resolution of color: even sizes.
        pixels = pixels[: pixels.shape[0] // 2 * 2 or 1, : pixels.shape[1] // 2 * 2 or 1]
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
