"""Videos as cameras, recorders and editors leave them: which frames, which times, what is said."""

import fractions
import itertools
import subprocess
import sys

import numpy as np
import pytest

from cyclegan_jax import config as config_lib, progress
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference import translate
from cyclegan_jax.inference.files import inputs, metadata, outputs
from cyclegan_jax.inference.model import Model
from cyclegan_jax.inference.video import length
from tests.inference import made_up

av = pytest.importorskip('av', reason='videos need PyAV, the extra video')
SECOND = fractions.Fraction(1)
RATE = fractions.Fraction(25)


class Red:
  """Gives back the red channel."""

  params, batch_stats = {'a': np.arange(3.0)}, {}

  def __call__(self, x):
    return np.asarray(x[..., :1])


def red_model():
  config = config_lib.make('udacity', dataset='folder', source_dir='x')
  return Model(config, 7, make_domains(config.data), {'rgb_to_ir': Red()})


@pytest.fixture(scope='module')
def model():
  return red_model()


def translated(model, source, output, **options):
  """Failures and lines of a folder."""
  options, lines = outputs.OutputOptions(output, **options), []
  plan = inputs.plan([str(source)], output)
  texts = metadata.texts(model, source, options.direction, options.bits)
  translator = outputs.FileTranslator(model, options, texts)
  return translate.translate_files(translator, plan.jobs, lines.append), lines


def record(path, times, codec='ffv1', unit=RATE**-1, seed=0, size=(22, 36), title='', **options):
  """Writes frames at times of `unit` seconds, even where these do not rise."""
  with av.open(str(path), 'w', **options) as container:
    container.metadata['title'] = title
    stream = container.add_stream(codec, rate=25)
    stream.height, stream.width = size
    stream.pix_fmt = 'bgr0' if codec == 'ffv1' else 'yuv420p'
    stream.codec_context.time_base = unit
    stream.codec_context.max_b_frames = 0
    for n, at in enumerate(times):
      frame = av.VideoFrame.from_ndarray(made_up.picture(*size, seed=seed + n), 'rgb24')
      frame.pts, frame.time_base = n, unit
      for packet in stream.encode(frame.reformat(format=stream.pix_fmt)):
        if codec == 'ffv1':  # One packet for each frame.
          packet.pts = packet.dts = at
        container.mux(packet)
    container.mux(stream.encode(None))


def shown(path):
  """Times in seconds and frames that a player shows."""
  with av.open(str(path)) as container:
    frames = list(container.decode(video=0))
  return [float(frame.pts * frame.time_base) for frame in frames], frames


def rises(times):
  return all(a < b for a, b in itertools.pairwise(times))


def reds(path):
  return [frame.to_ndarray(format='rgb24')[..., 0] for frame in shown(path)[1]]


def test_texts_of_another_encoding_do_not_keep_a_video_from_being_translated(model, tmp_path):
  source, target = tmp_path / 'v.mkv', tmp_path / 'out'
  record(source, range(2), title='caf\u00e9')
  before, after = source.read_bytes().split('caf\u00e9'.encode())  # It is there once.
  source.write_bytes(before + 'caf\u00e9 '.encode('latin-1') + after)
  assert not translated(model, source, target)[0] and len(shown(target / 'v.mkv')[0]) == 2


@pytest.fixture
def folder(tmp_path):
  (tmp_path / 'in').mkdir()
  record(tmp_path / 'in/ordinary.mkv', range(5))
  return tmp_path / 'in'


@pytest.mark.parametrize('colormap', ['', 'inferno'])
def test_joined_and_repeated_times_rise_and_every_frame_is_kept(model, folder, tmp_path, colormap):
  for i in (1, 2):
    record(tmp_path / f'{i}.ts', range(12), 'mpeg2video', seed=20 * i, format='mpegts')
  (folder / 'joined.ts').write_bytes(b''.join((tmp_path / f'{i}.ts').read_bytes() for i in (1, 2)))
  milliseconds = fractions.Fraction(1, 1000)
  record(folder / 'twice.mkv', [80 * (n // 2) for n in range(20)], unit=milliseconds)
  times = {name: shown(folder / name)[0] for name in ('joined.ts', 'twice.mkv', 'ordinary.mkv')}
  assert not rises(times['joined.ts']) and not rises(times['twice.mkv'])
  failures, lines = translated(model, folder, tmp_path / 'ir', colormap=colormap)
  assert not failures
  for name, before in times.items():
    targets = [tmp_path / 'ir' / name]
    targets += [tmp_path / 'ir_inferno' / name] if colormap else []
    for target in targets:
      result = target.with_suffix('.mkv' if target.parent.name == 'ir' else '.mp4')
      after, _ = shown(result)
      assert len(after) == len(before) and rises(after), result
    np.testing.assert_array_equal(
      [f.to_ndarray() for f in shown(tmp_path / f'ir/{name.partition(".")[0]}.mkv')[1]],
      reds(folder / name),
    )
  assert [sum(f'{name}: times' in line for line in lines) for name in times] == [1, 1, 0]
  assert not list(tmp_path.rglob('*.tmp'))


def test_uneven_times_are_kept_and_a_length_that_nobody_knows_is_not_told(
  model, folder, tmp_path, monkeypatch
):
  class Pipe:  # It cannot be rewound to write a length at its start.
    def __init__(self, path):
      self.file = path.open('wb')

    def write(self, data):
      return self.file.write(bytes(data))

  (folder / 'ordinary.mkv').unlink()
  pipe, milliseconds = Pipe(folder / 'live.mkv'), fractions.Fraction(1, 1000)
  times = np.cumsum(np.random.default_rng(0).integers(5, 300, 40)).tolist()
  with av.open(pipe, 'w', format='matroska', options={'live': '1'}) as container:
    stream = container.add_stream('ffv1', rate=25)
    stream.width, stream.height, stream.pix_fmt = 36, 22, 'bgr0'
    stream.codec_context.time_base = stream.time_base = milliseconds
    for at in times:
      frame = av.VideoFrame.from_ndarray(made_up.picture(22, 36, seed=at), 'rgb24')
      frame.pts, frame.time_base = at, milliseconds
      container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
  pipe.file.close()
  with av.open(str(folder / 'live.mkv')) as container:
    assert container.duration is None and not container.streams.video[0].frames
  monkeypatch.setattr(progress, '_SECONDS_BETWEEN_LINES', -1)
  failures, lines = translated(model, folder, tmp_path / 'ir')
  assert not failures
  np.testing.assert_allclose(shown(tmp_path / 'ir/live.mkv')[0], np.array(times) / 1000)
  steps = [line for line in lines if line.startswith('Translating live')]
  assert len(steps) > 1 and not any('left' in line or '/0' in line for line in steps)


def test_trimmed_files_give_what_is_shown_and_say_what_their_headers_count(model, folder, tmp_path):
  """An edit list hides the first half of the frames; their count stays in the header."""
  plain = tmp_path / 'plain.mp4'
  options = {'movflags': '+faststart'}
  record(plain, range(40), 'libx264', size=(32, 48), options=options)
  data = bytearray(plain.read_bytes())
  entry = data.index(b'elst') + 4 + 4 + 4  # After version and flags, and the number of entries.
  with av.open(str(plain)) as container:
    unit = container.streams.video[0].time_base
  data[entry + 4 : entry + 8] = int(20 / 25 / unit).to_bytes(4, 'big')  # The media time.
  half = int.from_bytes(data[entry : entry + 4], 'big') // 2
  data[entry : entry + 4] = half.to_bytes(4, 'big')
  (folder / 'trimmed.mp4').write_bytes(data)
  frames = shown(folder / 'trimmed.mp4')[1]
  assert len(frames) == 20
  failures, lines = translated(model, folder, tmp_path / 'ir')
  assert not failures
  result = shown(tmp_path / 'ir/trimmed.mkv')[1]
  for got, want in zip(result, frames, strict=True):
    np.testing.assert_array_equal(got.to_ndarray(), want.to_ndarray(format='rgb24')[..., 0])
  assert sum('counts 40 frames' in line and 'shows 20' in line for line in lines) == 1


def test_recordings_that_begin_between_key_frames_lose_only_what_players_leave_out(
  model, folder, tmp_path
):
  record(tmp_path / 'whole.ts', range(60), 'libx264', size=(32, 48), format='mpegts')
  data = (tmp_path / 'whole.ts').read_bytes()
  for part in (3, 2):
    start = len(data) // part // 188 * 188
    (folder / f'late{part}.ts').write_bytes(data[start:])
  failures, _ = translated(model, folder, tmp_path / 'ir')
  for part in (3, 2):
    try:
      n = len(shown(folder / f'late{part}.ts')[1])
    except av.error.FFmpegError:
      n = 0
    there = tmp_path / f'ir/late{part}.mkv'
    assert there.exists() or any(f'late{part}' in failure for failure in failures)
    assert not there.exists() or len(shown(there)[1]) >= n
  assert (tmp_path / 'ir/ordinary.mkv').exists()


@pytest.mark.parametrize('name', ['a.mp4', 'b.avi', 'c.mkv', 'd.mov'])
@pytest.mark.parametrize('part', [0.5, 0.95])
def test_files_that_are_cut_off_are_refused_and_others_go_on(model, folder, tmp_path, name, part):
  options = {'movflags': '+faststart'} if name[-3:] in ('mp4', 'mov') else {}
  record(folder / name, range(30), 'mpeg4', size=(32, 48), options=options)
  whole = (folder / name).read_bytes()
  assert length.missing_bytes(folder / name) == 0
  cut = int(len(whole) * part)
  (folder / name).write_bytes(whole[:cut])
  assert length.missing_bytes(folder / name) == len(whole) - cut
  failures, _ = translated(model, folder, tmp_path / 'ir', colormap='inferno')
  assert len(failures) == 1 and name in failures[0] and 'cut off' in failures[0]
  files = [file.name for file in tmp_path.glob('ir*/*')]
  assert sorted(files) == ['ordinary.mkv', 'ordinary.mp4']


def test_whatever_is_wrong_with_a_video_is_one_message(model, folder, tmp_path):
  """Random bytes replaced, in the middle of files of several kinds."""
  rng = np.random.default_rng(1)
  record(folder / 'a.mp4', range(12), 'libx264', size=(32, 48))
  record(folder / 'b.ts', range(12), 'mpeg2video', size=(32, 48), format='mpegts')
  record(folder / 'c.avi', range(12), 'mpeg4', size=(32, 48))
  record(folder / 'd.mkv', range(12), 'ffv1', size=(32, 48))
  for file in [file for file in folder.iterdir() if file.stem != 'ordinary']:
    for i in range(5):
      data = bytearray(file.read_bytes())
      for place in rng.integers(0, len(data), 12):
        data[place] = rng.integers(256)
      file.with_name(f'{file.stem}{i}{file.suffix}').write_bytes(data)
    file.unlink()
  failures, _ = translated(model, folder, tmp_path / 'ir', colormap='inferno')
  done = {file.stem for file in (tmp_path / 'ir').glob('*.mkv')}
  assert 'ordinary' in done and len(done) + len(failures) == 21
  assert all('\n' not in failure for failure in failures)
  assert not list(tmp_path.rglob('*.tmp'))


@pytest.mark.parametrize('size', [(1, 7), (2, 2), (3, 5)])
def test_previews_of_tiny_frames(model, folder, tmp_path, size):
  record(folder / 'tiny.mkv', range(3), size=size)
  failures, _ = translated(model, folder, tmp_path / 'ir', colormap='inferno')
  assert not failures
  assert len(shown(tmp_path / 'ir_inferno/tiny.mp4')[1]) == 3


def test_a_full_disk_is_named_and_leaves_nothing(folder, tmp_path):
  """As the command meets it: files end at 4 kB."""
  script = (
    'import pathlib, resource, signal, sys\n'
    'from cyclegan_jax.errors import UserError\n'
    'from tests.inference import made_up\n'
    'from tests.inference.video import test_videos as t\n'
    'signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
    'model = t.red_model()\n'
    'resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n'
    'try: print(t.translated(model, pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))\n'
    'except UserError as error: print("said", error)\n'
  )
  record(folder / 'large.mkv', range(30))
  command = [sys.executable, '-c', script, str(folder), str(tmp_path / 'ir')]
  result = subprocess.run(command, capture_output=True, text=True, timeout=100)
  assert result.stdout.startswith('said') and 'cannot be written' in result.stdout, result
  assert not list((tmp_path / 'ir').glob('.*'))
