"""The pair check as a person types it: end to end, and bad input."""

import csv
import json

import numpy as np
import PIL.Image

from tests.command_line import fails, run
from tests.conftest import make_pairs


def test_end_to_end(tmp_path):
  source = make_pairs(tmp_path / 'source', n=8, size=(96, 128))
  spoilt = source / 'ir' / '003.png'
  PIL.Image.fromarray(np.full((96, 128), 70, np.uint8)).save(spoilt)
  flags = ['--dataset=folder', f'--source_dir={source}', f'--data_dir={tmp_path / "data"}']
  output = tmp_path / 'report'
  result = run('check_pairs', *flags, f'--output={output}', '--n_worst=2')
  assert result.returncode == 0, result.stderr
  assert '8 pairs, ' in result.stdout and 'constant 1' in result.stdout
  assert str(output / 'report.html') in result.stdout
  with (output / 'pairs.csv').open(newline='') as lines:
    rows = list(csv.DictReader(lines))
  assert len(rows) == 8 and (rows[0]['id'], rows[0]['flags']) == ('003', 'constant')
  assert json.loads((output / 'pairs.json').read_text())['flags']['misaligned'] == 0
  assert (output / 'report.html').read_text().count('<img') == 2 * 6


def test_a_repaired_copy(tmp_path):
  source = make_pairs(tmp_path / 'source', n=8, size=(96, 128))
  for i in range(8):
    path = source / 'ir' / f'{i:03}.png'
    counts = 12000 + 37 * np.asarray(PIL.Image.open(path)).astype(np.uint16)
    PIL.Image.fromarray(counts.byteswap() if i in (2, 5) else counts).save(path)
  flags = ['--dataset=folder', f'--data_dir={tmp_path / "data"}']
  copy = tmp_path / 'repaired'
  once = run(
    'check_pairs', *flags, f'--source_dir={source}', f'--output={tmp_path / "a"}', f'--fix={copy}'
  )
  assert once.returncode == 0, once.stderr
  assert 'swapped_bytes 2' in once.stdout and '2 of 8 pairs repaired' in once.stdout
  assert f'--source_dir={copy}' in once.stdout
  again = run('check_pairs', *flags, f'--source_dir={copy}', f'--output={tmp_path / "b"}')
  assert again.returncode == 0 and 'swapped_bytes' not in again.stdout
  for place in (copy, source / 'new', tmp_path / 'a' / 'new'):
    message = fails(
      'check_pairs',
      *flags,
      f'--source_dir={source}',
      f'--output={tmp_path / "a"}',
      f'--fix={place}',
    )
    assert f'--fix={place}' in message and '--fix=repaired' in message


def test_false_color_is_refused_or_listed(tmp_path):
  source = make_pairs(tmp_path / 'source', n=3)
  colors = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
  PIL.Image.fromarray(colors).save(source / 'ir' / '001.png')
  flags = [
    '--dataset=folder',
    f'--source_dir={source}',
    f'--data_dir={tmp_path / "data"}',
    f'--output={tmp_path / "report"}',
  ]
  assert 'false color' in fails('check_pairs', *flags)
  result = run('check_pairs', *flags, '--ir_channels=3')
  assert result.returncode == 0, result.stderr
  assert 'false_color 1' in result.stdout


def test_bad_input(tmp_path):
  assert '--output is missing' in fails('check_pairs', '--dataset=synthetic')
  file = tmp_path / 'file'
  file.touch()
  assert 'is a file; give a folder' in fails('check_pairs', f'--output={file}')
  assert '--dataset is missing' in fails('check_pairs', f'--output={tmp_path / "report"}')
  message = fails(
    'check_pairs',
    '--dataset=folder',
    f'--source_dir={tmp_path / "nowhere"}',
    f'--output={tmp_path / "report"}',
  )
  assert 'nowhere' in message and not (tmp_path / 'report').exists()
