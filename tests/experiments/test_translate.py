"""experiments.translate as a person types it: pipes, a kill, files that cannot be read."""

import shutil
import subprocess

from tests.command_line import command, run as run_command


def test_streams_hold_what_files_hold(untrained, pairs, tmp_path):
  photo = pairs / 'rgb/000.png'
  result = run_command(
    'translate', f'--workdir={untrained}', f'--input={photo}', f'--output={tmp_path}/a.png'
  )
  assert result.returncode == 0, result.stderr
  arguments, options = command('translate', f'--workdir={untrained}', '--input=-', '--output=-')
  piped = subprocess.run(
    arguments, input=photo.read_bytes(), capture_output=True, timeout=300, **options
  )
  assert piped.returncode == 0, piped.stderr
  assert piped.stdout == (tmp_path / 'a.png').read_bytes()


# The command in a process that ends at the sixth result, as if it were killed.
_KILLED = """
import os, runpy, sys
from cyclegan_jax.inference.files.outputs import FileTranslator
write, begun = FileTranslator.write, []
def killing(*arguments):
  begun.append(None)
  if len(begun) > 5:
    os._exit(137)
  return write(*arguments)
FileTranslator.write = killing
runpy.run_module('experiments.translate', run_name='__main__')
"""


def test_the_same_command_goes_on_after_a_kill_and_failures_are_listed(untrained, pairs, tmp_path):
  photos = tmp_path / 'photos'
  shutil.copytree(pairs / 'rgb', photos / 'day')
  (photos / 'broken.png').write_bytes(b'no image')
  arguments, options = command(
    'translate', f'--workdir={untrained}', f'--input={photos}', f'--output={tmp_path}/ir'
  )
  killed = [arguments[0], '-c', _KILLED, *arguments[3:]]
  result = subprocess.run(killed, capture_output=True, text=True, timeout=300, **options)
  assert result.returncode == 137, result.stderr
  before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / 'ir/day').glob('*.png')}
  assert 0 < len(before) < len(list(photos.glob('day/*')))
  result = run_command(
    'translate', f'--workdir={untrained}', f'--input={photos}', f'--output={tmp_path}/ir'
  )
  assert result.returncode == 2
  assert 'broken.png' in result.stderr and 'error: 1 of ' in result.stderr
  assert f'{len(before)} of ' in result.stdout
  whole = run_command(
    'translate', f'--workdir={untrained}', f'--input={photos}', f'--output={tmp_path}/whole'
  )
  assert whole.returncode == 2
  for file in (tmp_path / 'whole/day').iterdir():
    again = tmp_path / 'ir/day' / file.name
    assert again.read_bytes() == file.read_bytes()
    assert before.get(file.name, again.stat().st_mtime_ns) == again.stat().st_mtime_ns
  assert not (tmp_path / 'ir/broken.png').exists()
