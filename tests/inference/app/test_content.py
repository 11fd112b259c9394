"""What the try-out page shows of a run."""

import io
import json

import matplotlib
import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.evaluation import familiarity
from cyclegan_jax.inference.app import content
from cyclegan_jax.reports import gallery
from cyclegan_jax.runs import run_folder
from datasets import temperatures
from tests.inference import made_up


@pytest.fixture(scope='module')
def model():
  return made_up.drawn()


def of_run(folder, model, direction='rgb_to_ir', scale_of=temperatures.scale):
  return content.of_run(folder, 'best', model, direction, scale_of)


def strips(folder, n):
  """A gallery of n strips, the i-th of level i."""
  pictures = lambda i: (
    lambda: [np.full((8, 10, 3), i + part, np.uint8) for part in (0, 50, 100, 150)]
  )
  gallery.write(folder, {i: pictures(i) for i in range(n)})


def test_without_results_there_are_no_examples(model, tmp_path):
  content = of_run(tmp_path / 'run', model)
  assert content.title == 'run: RGB to IR' and content.suffix == '_ir'
  assert content.examples == [] and content.strangeness is None and content.span is None
  assert content.training_size == model.config.data.image_size
  assert [palette.name for palette in content.palettes] == ['Black hot', 'Inferno', 'Rainbow']


def test_examples_are_source_images_of_the_test_split(model, tmp_path):
  results = run_folder.evaluation(tmp_path, 'test')
  results.mkdir(parents=True)
  strips(results, 7)
  found = of_run(tmp_path, model).examples
  levels = [np.unique(PIL.Image.open(io.BytesIO(file))).tolist() for file in found]
  assert levels == [[0], [3], [6]]
  strips(results, 1)
  assert len(of_run(tmp_path, model).examples) == 1


@pytest.mark.parametrize('psnr, words', [(20.0, 'beats every'), (10.0, 'does not beat every')])
def test_the_page_says_whether_the_model_beats_guesses(model, tmp_path, psnr, words):
  results = run_folder.evaluation(tmp_path, 'test')
  results.mkdir(parents=True)
  figures = lambda psnr: {'psnr': psnr, 'ssim': psnr / 100, 'mse': 1.0}
  content = {
    'model': figures(psnr),
    'baselines': {'constant': figures(15.0)},
    'settings': {'dataset': 'osu'},
    'split': 'test',
  }
  (results / 'metrics.json').write_text(json.dumps(content))
  about = of_run(tmp_path, model).about
  assert f'On its own test images (osu) it {words} trivial guess' in about
  assert 'guess' not in of_run(tmp_path, model, 'ir_to_rgb').about


def test_the_other_direction_has_neither_examples_nor_palettes(model, tmp_path):
  results = run_folder.evaluation(tmp_path, 'test')
  results.mkdir(parents=True)
  strips(results, 3)
  content = of_run(tmp_path, model, 'ir_to_rgb')
  assert content.suffix == '_rgb' and content.title.endswith('IR to RGB')
  assert (content.examples, content.palettes, content.strangeness) == ((), (), None)


def test_units_are_those_of_the_scale(model, tmp_path):
  ranged = made_up.model(ir_range='-20:120,degC').config.data
  content = of_run(tmp_path, model, scale_of=lambda data, top: temperatures.scale(ranged, top))
  assert content.span == ('-20 °C', '120 °C')


def test_strangeness_is_that_of_the_results(model, tmp_path):
  results = run_folder.evaluation(tmp_path, 'test')
  results.mkdir(parents=True)
  source = make_domains(model.config.data)['rgb']
  black = np.zeros((1, 16, 16, 3), np.uint8)
  limits = np.array([10.0, 1e9])
  familiarity.write(results, familiarity.Familiarity(source, model.config.data, black, limits))
  strangeness = of_run(tmp_path, model).strangeness
  assert strangeness(np.full((50, 70, 3), 25, np.uint8)) == pytest.approx(2.5)


def test_palettes_are_matplotlibs(model):
  inferno = content.palettes()[1]
  for channel, table in enumerate(inferno.tables):
    values = [float(text) for text in table.split()]
    expected = matplotlib.colormaps['inferno'](np.linspace(0, 1, len(values)))[:, channel]
    np.testing.assert_allclose(values, expected, atol=5e-4)
