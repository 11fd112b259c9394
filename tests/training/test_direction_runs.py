"""A whole run from IR to RGB: trained, validated, measured, shown, translated, and exported."""

import numpy as np
import pytest

import cyclegan_jax
from cyclegan_jax.downstream import study
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import results
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import model_card, translate
from cyclegan_jax.inference.export import export, program
from cyclegan_jax.inference.files.outputs import OutputOptions
from cyclegan_jax.reports import evaluation_files, run_page
from cyclegan_jax.runs import reader
import datasets
from tests.experiments.test_commands import run
from tests.inference.made_up import picture
from tests.training.test_loop import rows, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def whole(tiny, tmp_path_factory):
  """The configuration and the folder of a run, and what it said."""
  config = tiny(
    preset='pix2pix',
    direction='ir_to_rgb',
    n_downsampling=3,
    n_residual_blocks=0,
    image_size=(32, 32),
    load_size=(0, 0),
    decay_start=0,
    decay_epochs=0,
    steps=3,
  )
  workdir = tmp_path_factory.mktemp('to_rgb')
  return config, workdir, train(config, workdir)


def test_it_trains_and_validates(whole):
  _, workdir, said = whole
  assert 'generator ir_to_rgb ' in said and 'discriminator rgb ' in said
  (last,) = rows(workdir / 'metrics.csv')[-1:]
  terms = {name for name in last if name.endswith(('_rgb', '_ir'))}
  assert terms == {'discriminator_rgb', 'adversarial_rgb', 'supervised_rgb'}
  assert np.isfinite(float(rows(workdir / 'validation.csv')[-1]['psnr']))
  assert (workdir / 'samples' / 'step_00000003.png').exists()
  assert 'Thermal infrared to RGB' in (workdir / 'report.html').read_text()


def test_it_is_measured_described_and_exported(whole, tmp_path):
  config, workdir, _ = whole
  model = cyclegan_jax.load(workdir, 'latest')
  assert set(model.translators) == {'ir_to_rgb'}
  dataset = datasets.open_dataset(config.data)
  evaluation = cyclegan_jax.evaluate(model, dataset)
  content = results.result(evaluation.results, config, model.domains['rgb'], 'test', 3)
  content |= {'checkpoint': 'latest', 'trained_steps': 3}
  # The figures are those of the RGB images.
  true = evaluation.examples[0]['rgb'].astype(float)
  generated = model.translate(evaluation.examples[0]['ir'])
  assert content['model']['mse'] == pytest.approx(np.mean((generated - true) ** 2), rel=1e-5)
  evaluation_files.write(workdir / 'evaluation' / 'test', content, evaluation, 1)
  assert '| gray IR as RGB |' in evaluation_files.markdown(content)
  page = run_page.write([workdir], tmp_path / 'report.html', 'test', 2)
  assert 'report.html' in page
  shown = (tmp_path / 'report.html').read_text()
  assert 'true RGB' in shown and 'generated RGB' in shown and 'generated IR' not in shown
  card = model_card.text(model, reader.read([workdir], 'test')[0], model_card.Given('back'))
  assert 'infrared images into RGB ones' in card and 'Colors are guesses' in card
  with pytest.raises(UserError, match='makes RGB images'):
    study.run(tmp_path, model, dataset, config.data, study.Plan())
  pytest.importorskip('onnxruntime', reason='pip install onnxruntime')
  form, single = export.load_format('onnx'), export.in_float32(model)
  form.write(tmp_path / 'file', program.Program(single, 'ir_to_rgb', 255), {})
  image = picture(40, 24, 1)
  got = form.load(tmp_path / 'file')(image[np.newaxis])[0]
  assert np.abs(got.astype(int) - model.translate(image)).max() <= 1


def test_it_translates_ir_without_being_asked_for_a_direction(whole, tmp_path):
  _, workdir, _ = whole
  (tmp_path / 'ir').mkdir()
  images.write_png(tmp_path / 'ir' / 'a.png', picture(37, 53, 1))
  flags = [f'--input={tmp_path / "ir"}', f'--output={tmp_path / "out"}', '--checkpoint=latest']
  done = run('translate', f'--workdir={workdir}', *flags)
  assert done.returncode == 0, done.stderr
  assert images.read_image(tmp_path / 'out' / 'a.png').shape == (37, 53, 3)
  options = OutputOptions(tmp_path / 'other', 'rgb_to_ir')
  with pytest.raises(UserError, match='has only ir_to_rgb. Leave --direction out'):
    translate.run(workdir, [str(tmp_path / 'ir')], options)
