"""experiments.camera as a person types it."""

import csv

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.settings import DataConfig
import datasets
from tests.datasets.camera import writer
from tests.experiments.test_commands import fails, run

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
  assert f'--dataset=folder --source_dir={output} --paired --ir_range={low}:{high},degC' in (
    result.stdout
  )


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
