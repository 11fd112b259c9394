"""experiments.camera as a person types it."""

import csv
import signal
import subprocess
import time

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.settings import DataConfig
import datasets
from tests.command_line import command, fails, run
from tests.datasets.camera import writer

pytest.importorskip('flyr', reason='pip install -e ".[camera]"')


@pytest.fixture
def photos(tmp_path):
  folder = tmp_path / 'photos'
  folder.mkdir()
  for i in range(5):
    celsius, photograph = writer.scene(seed=i)
    placing = (1.0 if i else 0.8, 0, 0)
    picture = (photograph, placing) if i < 4 else ()
    (folder / f'{i}.jpg').write_bytes(writer.thermogram(celsius, *picture))
  return folder


def test_folders_for_other_programs(photos, tmp_path):
  output = tmp_path / 'out'
  result = run('camera', f'--source_dir={photos}', f'--output={output}')
  assert result.returncode == 0, result.stderr
  assert '5 radiometric files, 4 of them with a photograph' in result.stdout
  assert '1 files have no photograph: 4.jpg' in result.stdout
  found = {p.relative_to(output).as_posix() for p in output.rglob('*') if p.is_file()}
  assert found == {
    *(f'rgb/{i}.png' for i in range(4)),
    *(f'ir/{i}.png' for i in range(5)),
    'mask/0.png',
    'parameters.csv',
  }
  with PIL.Image.open(output / 'ir' / '3.png') as image:
    low, high, unit = (image.info[key] for key in ('ir_min', 'ir_max', 'ir_unit'))
    levels = np.asarray(image).astype(float)
  assert image.mode == 'I;16' and unit == 'degC'
  celsius = float(low) + levels / 65535 * (float(high) - float(low))
  np.testing.assert_allclose(celsius, writer.scene(seed=3)[0], atol=0.05)
  with (output / 'parameters.csv').open(newline='') as lines:
    assert [row['ir_max'] for row in csv.DictReader(lines)] == [high] * 5
  # They are a folder as any other.
  data = DataConfig(
    dataset='folder', source_dir=str(output), data_dir=str(tmp_path / 'data'), paired=True
  )
  dataset = datasets.open_dataset(data)
  assert sum(len(split) for split in dataset.splits.values()) == 4
  assert dataset.domains['ir'].max_value == 65535
  span = f'{float(low):g}:{float(high):g},degC'
  assert f'--dataset=folder --source_dir={output} --paired --ir_range={span}' in result.stdout


def test_existing_files_are_replaced_only_if_asked(photos, tmp_path):
  output = tmp_path / 'out'
  output.mkdir()
  (output / 'mine.txt').touch()
  flags = (f'--source_dir={photos}', f'--output={output}')
  assert 'has files' in fails('camera', *flags)
  assert [p.name for p in output.iterdir()] == ['mine.txt']
  result = run('camera', *flags, '--overwrite', '--ir_span=0:50,degC')
  assert result.returncode == 0, result.stderr
  assert (output / 'mine.txt').exists() and '0:50,degC' in result.stdout


def test_bad_input(photos, tmp_path):
  assert '--source_dir and --output are needed' in fails('camera', f'--source_dir={photos}')
  output = f'--output={tmp_path / "out"}'
  assert 'nowhere' in fails('camera', f'--source_dir={tmp_path / "nowhere"}', output)
  whole = (photos / '1.jpg').read_bytes()
  (photos / '1.jpg').write_bytes(whole[:2000])
  message = fails('camera', f'--source_dir={photos}', output)
  assert '1.jpg' in message and not (tmp_path / 'out').exists()
  message = fails('camera', f'--source_dir={photos}', output, '--ir_span=hot')
  assert '--ir_span=hot' in message


_MANY = 1500


def test_a_signal_ends_it_between_two_files(tmp_path):
  photos, output = tmp_path / 'photos', tmp_path / 'out'
  photos.mkdir()
  data = writer.thermogram(*writer.scene((120, 160)), (1.0, 0, 0))
  # So many that it cannot be done before the signal, however late that is on a busy machine.
  for i in range(_MANY):
    (photos / f'{i:04}.jpg').write_bytes(data)
  flags = (f'--source_dir={photos}', f'--output={output}', '--align=recorded')
  arguments, options = command(
    'camera', *flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
  )
  with subprocess.Popen(arguments, **options) as process:
    deadline = time.monotonic() + 120
    while not (output / 'ir' / '0003.png').exists() and time.monotonic() < deadline:
      time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
  assert process.returncode == 130 and 'interrupted' in errors and 'Traceback' not in errors
  written = sorted((output / 'ir').iterdir())
  assert 3 < len(written) < _MANY and all(file.suffix == '.png' for file in output.rglob('*.*'))
  for file in written:
    PIL.Image.open(file).load()
