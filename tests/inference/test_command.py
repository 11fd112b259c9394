"""--temperature: from text to what the model is told, in degrees or gray levels."""

import pathlib

import numpy as np
import pytest

from cyclegan_jax import radiometry
from cyclegan_jax.data import condition
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import command, translate
from cyclegan_jax.inference.files.inputs import Job
from cyclegan_jax.inference.files.outputs import FileTranslator, OutputOptions
from cyclegan_jax.settings import DataConfig
from datasets import temperatures
from datasets.synthetic import physics
from tests.inference.made_up import model, picture

NAMES = ('sky', 'road', 'person')
CELSIUS = lambda data, max_value: radiometry.Range(-20.0, 50.0, 'degC').scale(max_value)
UNKNOWN = lambda data, max_value: None


@pytest.fixture(scope='module')
def made():
  vectors = np.array([[0, -0.4, 0.5, 1, 1, 1], [0.2, -0.2, 0, 1, 1, 0]], np.float32)
  told = condition.of_kind('class_temperatures', NAMES).measured(vectors)
  return model('demo_cyclegan', told=told, condition='class_temperatures')


def told(made, text, scale_of=CELSIUS, direction='rgb_to_ir'):
  said = []
  return command.parse(text, scale_of).condition(made, direction, said.append), said


def test_degrees_become_network_values(made):
  # -20 to 50 degC is -1 to 1.
  vector, said = told(made, 'person=32.5,background=15')
  np.testing.assert_allclose(vector, [0, 0, 0.5, 1, 1, 1], atol=1e-6)
  assert command.parse('person=32.5,background=15', CELSIUS).texts(made)['temperature'] == (
    'background=15,person=32.5 degC'
  )
  # The mean of 0.5, from one image, has no spread; that of the sky is 0.1 ± 0.1.
  assert not said
  _, said = told(made, 'sky=45')
  assert said == [
    'Note: sky=45 is beyond what nearly all training images show, 8 to 29 degC: the model may not '
    'follow.'
  ]


def test_without_a_scale_they_are_gray_levels_which_is_said(made):
  vector, said = told(made, 'sky=127.5', UNKNOWN)
  np.testing.assert_allclose(vector, [0, -0.3, 0.5, 1, 1, 1], atol=1e-6)
  assert 'Temperatures are gray levels from 0 to 255' in said[0]
  assert command.parse('sky=127.5', UNKNOWN).texts(made)['temperature'] == 'sky=127.5 gray levels'


@pytest.mark.parametrize(
  'text, cause',
  [
    ('sky=51', '--temperature=sky=51: the IR images of this model show -20 to 50 degC'),
    ('sky=-21', 'show -20 to 50 degC'),
    ('car=20', 'car is unknown; this model knows sky, road, person, background'),
  ],
)
def test_what_cannot_be_shown_is_refused(made, text, cause):
  with pytest.raises(UserError, match=cause):
    told(made, text)


@pytest.mark.parametrize('text', ['person', 'person=warm', '=3', 'a=1,a=2', 'a=nan', 'a=1,'])
def test_other_texts_are_refused(text):
  with pytest.raises(UserError, match='expected the name of a class and a number'):
    command.parse(text, UNKNOWN)


def test_nothing_is_no_command():
  assert command.parse('', UNKNOWN) is None


def test_models_that_take_no_command_say_so(made):
  with pytest.raises(UserError, match='has one IR image for each RGB image. Train one with'):
    told(model(n_residual_blocks=1), 'sky=3')
  with pytest.raises(UserError, match='--temperature is for IR images'):
    told(made, 'sky=3', direction='ir_to_rgb')


def test_files_are_told_and_say_what(made, tmp_path):
  images.write_png(tmp_path / 'a.png', picture(40, 48))
  job = Job(tmp_path / 'a.png', tmp_path / 'out/a.png', pathlib.Path('a.png'))
  vector, _ = told(made, 'background=-15')
  texts = {'temperature': 'background=-15 degC'}
  translator = FileTranslator(made, OutputOptions(tmp_path / 'out'), texts, vector)
  assert translate.translate_files(translator, [job], lambda line: None) == []
  found = images.read_image(tmp_path / 'out/a.png')
  np.testing.assert_array_equal(found, made.translate(picture(40, 48), condition=vector))
  assert (found != made.translate(picture(40, 48))).mean() > 0.1
  # Of other temperatures, and of none, it is another result.
  for other in ({'temperature': 'background=5 degC'}, {}):
    asked = FileTranslator(made, OutputOptions(tmp_path / 'out'), other)
    with pytest.raises(UserError, match='temperature background=-15 degC there'):
      translate.check_existing(asked, [job])
  assert translate.check_existing(translator, [job]) == []


def test_rendered_scenes_have_a_scale_in_radiance():
  found = temperatures.scale(DataConfig(dataset='synthetic'), 255)
  levels = np.linspace(0, 255, 9)
  np.testing.assert_allclose(found.gray(found.values(levels)), levels, atol=1e-3)
  np.testing.assert_allclose(found.values(np.array([0, 255])), [-20, 50], atol=1e-3)
  # By the integral itself: the gray level halfway is the temperature of half the radiance.
  low, high, middle = physics.integrate_band(
    np.array([253.15, 323.15, found.values(127.5) + 273.15])
  )
  assert middle == pytest.approx((low + high) / 2, rel=1e-4)
  assert found.unit == 'degC' and found.difference_unit == 'K'


def test_a_range_is_a_linear_scale_and_other_data_have_none():
  found = temperatures.scale(DataConfig(dataset='folder', ir_range='-20:50,degC'), 65535)
  assert found.gray(15.0) == pytest.approx(65535 / 2) and found.values(65535 / 2) == 15
  assert temperatures.scale(DataConfig(dataset='folder'), 255) is None
