"""--model, which names a model that comes with the program."""

import PIL.Image
import pytest

from cyclegan_jax.data import images
from tests.command_line import fails, run


def test_mistakes(tmp_path):
  assert '--model=other: no such model' in fails('evaluate', '--model=other')
  message = fails('translate', '--model=rendered', f'--workdir={tmp_path}')
  assert 'give only one of them' in message
  assert '--workdir is missing: give --model=rendered' in fails('translate', '--input=a')


@pytest.mark.slow
def test_a_photograph_is_translated(pairs, tmp_path):
  photo = pairs / 'rgb' / '000.png'
  said = run('translate', '--model=rendered', f'--input={photo}', f'--output={tmp_path}')
  assert said.returncode == 0, said.stderr
  assert 'rendered: a small model' in said.stderr and 'Not for results' in said.stderr
  result = tmp_path / '000.png'
  assert PIL.Image.open(result).size == PIL.Image.open(photo).size
  assert images.read_texts(result)['run'] == 'rendered'
