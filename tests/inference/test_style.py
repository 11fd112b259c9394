"""What --style refuses, each with one message that leads on; what it says of an IR image."""

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import style
from tests.inference import made_up


@pytest.fixture(scope='module')
def made():
  return made_up.model('exemplar', image_size=(32, 32), load_size=(0, 0), n_residual_blocks=1)


@pytest.fixture
def photo(tmp_path):
  PIL.Image.fromarray(made_up.picture(32, 40)).save(tmp_path / 'photo.png')
  return tmp_path / 'photo.png'


def test_no_reference_is_none_and_a_missing_one_is_named(tmp_path):
  assert style.parse('') is None
  with pytest.raises(UserError, match=r'--style=nosuch.png does not exist. Give an IR image file'):
    style.parse('nosuch.png')
  with pytest.raises(UserError, match='is a folder. Give an IR image file'):
    style.parse(str(tmp_path))


def test_an_rgb_image_is_no_reference(made, photo):
  with pytest.raises(UserError, match='--style=.*photo.png: the reference is an IR image, in gray'):
    style.parse(str(photo)).condition(made, 'rgb_to_ir', print)


def test_a_file_that_is_no_image_is_named(made, tmp_path):
  (tmp_path / 'notes.png').write_bytes(b'no image')
  with pytest.raises(UserError, match='--style=.*notes.png: the reference is an IR image'):
    style.parse(str(tmp_path / 'notes.png')).condition(made, 'rgb_to_ir', print)


def test_models_without_styles_and_other_directions_are_refused(made, photo):
  reference = style.parse(str(photo))
  with pytest.raises(UserError, match=r'\(udacity\) knows no styles. .* --preset=exemplar'):
    reference.condition(made_up.model(), 'rgb_to_ir', print)
  with pytest.raises(UserError, match='--style is for IR images, but ir_to_rgb makes others'):
    reference.condition(made, 'ir_to_rgb', print)


def test_a_reference_is_told_as_the_model_tells_it(made, tmp_path):
  gray, said = made_up.picture(40, 56, 1), []
  PIL.Image.fromarray(gray[..., 0]).save(tmp_path / 'ir.png')
  reference = style.parse(str(tmp_path / 'ir.png'))
  told = reference.condition(made, 'rgb_to_ir', said.append)
  np.testing.assert_array_equal(told, made.style(gray))
  assert said == [f'Style: that of {tmp_path}/ir.png, for all images.']
  assert reference.texts(made)['style'].startswith('ir.png ')
