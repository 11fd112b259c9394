"""--model, which names a model that comes with the program."""

import dataclasses

import PIL.Image
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.runs import addresses
import datasets
from experiments import checking, measuring
from tests.command_line import fails, run


def test_mistakes(tmp_path):
  assert '--model=other: no such model' in fails('evaluate', '--model=other')
  message = fails('translate', '--model=rendered', f'--workdir={tmp_path}')
  assert 'give only one of them' in message
  assert '--workdir is missing: give --model=rendered' in fails('translate', '--input=a')


RENDERED = addresses.bundled('rendered')
DATA = config_lib.make(dataset='synthetic', options={'extra_scenes': 1900}).data


def test_what_is_prepared_to_measure_it_is_said_before(tmp_path):
  asked = measuring.Asked(RENDERED, DATA)
  assert '--dataset=synthetic, whose 8,160 images are prepared first' in asked.beforehand()
  assert '--on=FOLDER' in asked.beforehand()
  assert not dataclasses.replace(asked, other=True).beforehand()
  assert not dataclasses.replace(asked, workdir=tmp_path).beforehand()  # a run


def test_no_scenes_are_rendered_for_the_check_of_an_export_but_the_usual_ones(
  tmp_path, monkeypatch
):
  def opened(data, prepared):
    raise UserError(f'These would be rendered: {data.options}.')

  monkeypatch.setattr(datasets, 'open_dataset', opened, raising=False)
  (tmp_path / 'data.json').write_text('{"prepared": "synthetic/extra_1900/1.1.0"}')
  for folder, options in ((RENDERED, {}), (tmp_path, {'extra_scenes': 1900})):
    with pytest.raises(UserError, match=f'would be rendered: {options}'):
      checking.examples(folder, DATA, 'rgb_to_ir', None)


@pytest.mark.slow
def test_a_photograph_is_translated(pairs, tmp_path):
  photo = pairs / 'rgb' / '000.png'
  said = run('translate', '--model=rendered', f'--input={photo}', f'--output={tmp_path}')
  assert said.returncode == 0, said.stderr
  assert 'rendered: a small model' in said.stderr and 'Not for results' in said.stderr
  result = tmp_path / '000.png'
  assert PIL.Image.open(result).size == PIL.Image.open(photo).size
  assert images.read_texts(result)['run'] == 'rendered'
