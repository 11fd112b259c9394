"""A whole run of CUT: resumed, loaded, measured, shown, and exported like any other."""

import jax
import numpy as np
import pytest

import cyclegan_jax
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import results
from cyclegan_jax.inference import model_card
from cyclegan_jax.inference.export import export, program
from cyclegan_jax.metrics import perceptual
from cyclegan_jax.models import networks
from cyclegan_jax.reports import evaluation_files, run_page
from cyclegan_jax.runs import reader
import datasets
from tests.inference.made_up import picture
from tests.training.test_loop import rows, state, train

pytestmark = pytest.mark.slow

SETTINGS = dict(
  preset='cut',
  paired=False,
  projection_width=8,
  nce_patches=30,
  image_size=(32, 32),
  load_size=(0, 0),
  ema_decay=0.9,
  decay_start=0,
  decay_epochs=0,
)


@pytest.fixture(scope='module')
def whole(tiny, tmp_path_factory):
  """The configuration and the folder of a run, and what it said."""
  config, workdir = tiny(**SETTINGS), tmp_path_factory.mktemp('cut')
  return config, workdir, train(config, workdir)


def test_a_run_says_what_it_trains(whole):
  _, workdir, said = whole
  assert 'projection_rgb ' in said and 'Sampling: unpaired' in said and 'nce ' in said
  last = rows(workdir / 'metrics.csv')[-1]
  terms = {name for name in last if name.endswith(('_rgb', '_ir'))}
  assert terms == {'discriminator_ir', 'adversarial_ir', 'nce_rgb', 'nce_identity_ir'}
  assert 'PatchNCE' in (workdir / 'report.html').read_text()


def test_projections_learn_and_have_no_moving_average(tiny, whole):
  config, workdir, _ = whole
  before, after = state(config, workdir, 3), state(config, workdir, 6)
  for name in networks.names(config.model):
    same = jax.tree.map(np.array_equal, before.params[name], after.params[name])
    assert not jax.tree.all(same), name
  assert set(after.ema) == {'rgb_to_ir'}
  assert set(after.opt_state['generators'][0].mu) == {'rgb_to_ir', 'projection_rgb'}


def test_resumed_equals_uninterrupted_bit_for_bit(tiny, whole, tmp_path):
  config, reference, _ = whole
  train(tiny(**SETTINGS, steps=3), tmp_path / 'run')
  assert '3 done: resuming' in train(config, tmp_path / 'run')
  a, b = state(config, reference, 6), state(config, tmp_path / 'run', 6)
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_it_is_loaded_measured_and_described(whole, tmp_path):
  config, workdir, _ = whole
  model = cyclegan_jax.load(workdir, 'latest')
  assert set(model.translators) == {'rgb_to_ir'}
  assert model.translate(picture(37, 53)).shape == (37, 53, 1)
  with pytest.raises(UserError, match='this model .cut. has only rgb_to_ir'):
    model.translate(picture(8, 8, 1), 'ir_to_rgb')
  evaluation = cyclegan_jax.evaluate(model, datasets.open_dataset(config.data))
  content = results.result(
    evaluation.results, config, model.domains['ir'], 'test', 6, perceptual.NONE
  )
  evaluation_files.write(tmp_path / 'test', content, evaluation, 2)
  assert np.isfinite(content['model']['psnr'])
  assert '| luminance as IR |' in evaluation_files.markdown(content)
  run_page.write([workdir], tmp_path / 'report.html', 'test', 2)
  card = model_card.text(model, reader.read([workdir], 'test')[0], model_card.Given('cut'))
  assert 'RGB images into infrared ones' in card and 'infrared images into RGB' not in card


def test_an_onnx_file_has_the_generator_alone(whole, tmp_path):
  pytest.importorskip('onnxruntime', reason='pip install onnxruntime')
  model = export.in_float32(cyclegan_jax.load(whole[1], 'latest'))
  form = export.load_format('onnx')
  form.write(tmp_path / 'file', program.Program(model, 'rgb_to_ir', 255), {})
  image = picture(40, 24)
  got = form.load(tmp_path / 'file')(image[np.newaxis])[0]
  assert np.abs(got.astype(int) - model.translate(image)).max() <= 1
