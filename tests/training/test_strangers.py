"""Collections of strangers, numbered alike or not: trained, validated, measured without pairs."""

import csv
import json

import numpy as np
import PIL.Image
import pytest
import scipy.stats

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import measure, unpaired as unpaired_lib
from cyclegan_jax.evaluation.evaluate import evaluate
from cyclegan_jax.evaluation.results import result, verdict
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.reports import evaluation_files, run_page
from cyclegan_jax.runs import reader
from cyclegan_jax.training import loop
import datasets


def collections(folder, sizes, odd=()):
  """Random images by folder, numbered from 0; `odd` ones have another size."""
  rng = np.random.default_rng(0)
  for name, n in sizes.items():
    (folder / name).mkdir(parents=True)
    for i in range(n):
      shape = (20, 26) if (name, i) in odd else (24, 32)
      shape = shape if 'ir' in name or name.endswith('B') else (*shape, 3)
      coarse = PIL.Image.fromarray(rng.integers(0, 256, (3, 4, *shape[2:]), np.uint8))
      coarse.resize(shape[1::-1]).save(folder / name / f'{i}.png')
  return folder


def configured(source, tmp_path, **settings):
  tiny = dict(
    image_size=(16, 16),
    base_width=4,
    n_residual_blocks=1,
    n_downsampling=2,
    discriminator_width=4,
    discriminator_layers=2,
    batch_size=4,
    steps=4,
    checkpoint_every=2,
    log_every=2,
    n_samples=2,
  )
  return config_lib.make(
    dataset='folder',
    source_dir=str(source),
    data_dir=str(tmp_path / 'data'),
    **{**tiny, **settings},
  )


def train(config, workdir):
  lines = []
  assert loop.train(config, datasets.open_dataset(config.data), workdir, log=lines.append) == 0
  return '\n'.join(lines)


@pytest.fixture(scope='module')
def strangers(tmp_path_factory):
  """A trained run of strangers that are numbered alike; its log."""
  folder = tmp_path_factory.mktemp('strangers')
  source = collections(folder / 'in', {'rgb': 24, 'ir': 24})
  config = configured(source, folder, options={'pairs': 'none'})
  return folder / 'run', train(config, folder / 'run'), config


def test_equal_names_taken_for_pairs_are_said(tmp_path):
  config = configured(collections(tmp_path / 'in', {'rgb': 24, 'ir': 24}), tmp_path)
  said = datasets.open_dataset(config.data).description
  assert said.count('pairs by equal names serve validation and test; --pairs=none') == 1
  splits = datasets.open_dataset(config.data).splits
  n = len(splits['validation']) + len(splits['test'])
  assert f'{n} pairs by equal names' in said
  paired = configured(tmp_path / 'in', tmp_path, paired=True)
  assert 'equal names' not in datasets.open_dataset(paired.data).description


@pytest.mark.slow
def test_strangers_are_validated_without_pairs(strangers):
  workdir, said, _ = strangers
  assert 'two collections of 24 and 24 images, not as pairs' in said
  assert 'no validation pairs; unpaired_error chooses the best checkpoint' in said
  assert said.count('validation without pairs') == 2 and 'psnr' not in said
  with (workdir / 'validation.csv').open() as file:
    rows = list(csv.DictReader(file))
  columns = ('histogram_distance', 'spectral_distance', 'cycle_error_rgb', 'cycle_error_ir')
  for row in rows:
    histogram, spectrum, *cycles = (float(row[name]) for name in columns)
    want = 100 * histogram / 255 + spectrum + 100 * np.mean(cycles) / 255
    np.testing.assert_allclose(float(row['unpaired_error']), want, rtol=1e-6)
  best = min(rows, key=lambda row: float(row['unpaired_error']))['step']
  assert model_lib.load(workdir).step == int(best)
  assert f'Validation was best at step {best} of 4 (by unpaired_error)' in said


@pytest.mark.slow
def test_strangers_are_measured_without_pairs(strangers, tmp_path):
  workdir, _, config = strangers
  model, dataset = model_lib.load(workdir), datasets.open_dataset(config.data)
  measured = evaluate(model, dataset, log=lambda line: None)
  totals = measured.results['model'].totals
  assert totals['n'] == len(dataset.splits['test'].rgb)
  assert set(measured.results) == {'model', 'mean_image', 'luminance', 'constant'}
  # An independent calculation of the figures of luminance.
  pixels = [
    np.stack([np.asarray(one[name]) for one in data])
    for name in ('rgb', 'ir')
    for data in [pipeline.domain_pixels(dataset, 'test', name, config.data)]
  ]
  gray = np.rint(images.luminance(pixels[0].astype(np.float32))).ravel()
  np.testing.assert_allclose(
    measured.results['luminance'].totals['histogram_distance'],
    scipy.stats.wasserstein_distance(gray, pixels[1].ravel()),
    atol=0.02,
  )
  # The spectrum of an image without detail is rounding noise alone.
  assert measured.results['constant'].totals['spectral_distance'] > 10
  content = result(measured.results, model.config, model.domains['ir'], 'test', model.step)
  content |= {'checkpoint': 'best', 'trained_steps': 4}
  assert 'Without pairs, nothing tells' in verdict(content)
  folder = workdir / 'evaluation/test'
  evaluation_files.write(folder, content, measured, 24)
  json.loads((folder / 'metrics.json').read_text(), parse_constant=pytest.fail)
  assert (folder / 'paper_figure.png').exists() and not (folder / 'examples.png').exists()
  (run,) = reader.read([workdir], 'test')
  page = run_page.render([run], 'test', 24)
  assert 'histogram distance' in page and 'Unpaired error' in page and 'id="gallery"' not in page


@pytest.mark.slow
def test_metrics_do_not_depend_on_the_batches(strangers):
  workdir, _, config = strangers
  model, dataset = model_lib.load(workdir), datasets.open_dataset(config.data)
  predictors = {'model': measure.predictor(model.translators['rgb_to_ir'], model.domains)}
  found = [
    unpaired_lib.measure_split(
      predictors, model.translators, dataset, 'train', config.data, size, lambda line: None
    )['model']
    for size in (1, 5, 64)
  ]
  for other in found[1:]:
    for name, value in found[0].totals.items():
      np.testing.assert_allclose(other.totals[name], value, rtol=1e-4)
    assert other.ids == found[0].ids
    np.testing.assert_allclose(
      other.per_image['cycle_error_rgb'], found[0].per_image['cycle_error_rgb'], rtol=1e-4
    )


@pytest.mark.slow
def test_one_odd_size_is_not_refused(tmp_path):
  source = collections(tmp_path / 'in', {'rgb': 24, 'ir': 24}, odd={('rgb', 5)})
  said = train(configured(source, tmp_path, steps=2), tmp_path / 'run')
  assert '1 of 24 images with a partner of the same name differ from it in size (5)' in said
  assert 'validation without pairs' in said
  with pytest.raises(UserError, match='5.png is 26x20 pixels, but its partner'):
    datasets.open_dataset(configured(source, tmp_path, paired=True).data)


@pytest.mark.slow
def test_methods_with_one_generator_have_no_cycle_error(tmp_path):
  source = collections(tmp_path / 'in', {'trainA': 8, 'trainB': 6, 'valA': 3, 'valB': 5})
  config = configured(source, tmp_path, preset='cut', steps=2, options={'pairs': 'none'})
  said = train(config, tmp_path / 'run')
  assert 'unpaired_error' in said and 'cycle_error' not in said


@pytest.mark.slow
def test_rgb_test_images_alone_are_to_be_translated(tmp_path):
  source = collections(tmp_path / 'in a', {'trainA': 9, 'trainB': 7, 'testA': 3})
  said = train(configured(source, tmp_path, steps=2), tmp_path / 'run')
  assert 'the test images are RGB only' in said
  assert 'Next: python -m experiments.evaluate' in said and '--split=validation' in said
  config = configured(source, tmp_path)
  model, dataset = model_lib.load(tmp_path / 'run'), datasets.open_dataset(config.data)
  with pytest.raises(UserError, match='nothing to compare with. Translate them instead') as caught:
    evaluate(model, dataset)
  assert f"'--input={source}/testA'" in str(caught.value)
  assert evaluate(model, dataset, 'validation', log=lambda line: None).results['model'].ids


def test_strangers_and_pairs_contradict_each_other(tmp_path):
  source = collections(tmp_path / 'in', {'rgb': 6, 'ir': 6})
  config = configured(source, tmp_path, paired=True, options={'pairs': 'none'})
  with pytest.raises(UserError, match='--pairs=none and --paired contradict'):
    datasets.open_dataset(config.data)
