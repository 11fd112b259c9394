"""experiments.figure as a person types it."""

import pytest

from tests.command_line import fails, run


@pytest.mark.slow
def test_a_figure_of_some_images(untrained, tmp_path):
  output = tmp_path / 'made' / 'figure.pdf'
  flags = [f'--workdir={untrained}', '--split=train', f'--output={output}']
  done = run('figure', *flags)
  assert done.returncode == 0, done.stderr
  assert output.read_bytes().startswith(b'%PDF') and 'Wrote' in done.stdout
  ids = done.stdout.rpartition(': ')[2].strip().rstrip('.').split(', ')
  assert len(ids) == 4
  assert '--overwrite' in fails('figure', *flags)
  again = run(
    'figure', *flags, '--overwrite', f'--ids={ids[1]}', '--titles=photo,made,true',
    f'--detail={ids[1]}:2,2,8x8', '--width=8',
  )  # fmt: skip
  assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
  'flags, words',
  [
    (['--output=figure.gif'], ['.pdf or .png']),
    (['--output=figure.png', '--ids=nosuch', '--split=train'], ["'nosuch' is not in split train"]),
    (['--output=figure.png', '--titles=one', '--split=train'], ['--titles=one', 'expected 3']),
    (['--output=figure.png', '--row_titles=one', '--split=train'], ['--row_titles=one']),
    (['--output=figure.png', '--detail=x', '--split=train'], ['ID:LEFT,TOP,WIDTHxHEIGHT']),
    (['--output=figure.png', '--colormap=nosuch'], ['--colormap=nosuch']),
  ],
)
def test_mistakes(untrained, tmp_path, flags, words):
  flags = [flag.replace('=figure', f'={tmp_path}/figure') for flag in flags]
  message = fails('figure', f'--workdir={untrained}', *flags)
  for word in words:
    assert word in message
  assert not list(tmp_path.iterdir())
