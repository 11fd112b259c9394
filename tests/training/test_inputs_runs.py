"""A whole run that sees depth and classes instead of RGB images: trained, measured, used."""

import dataclasses

import numpy as np
import pytest

import cyclegan_jax
from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import measure
from cyclegan_jax.image_files import images
from cyclegan_jax.models import networks
from cyclegan_jax.training import loop
from datasets import loading
from datasets.synthetic import synthetic_dataset_builder as synthetic
from tests.training.test_loop import rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def whole(data_dir, tmp_path_factory):
  """The configuration, the data, and the folder of a run on four rendered scenes."""
  small = synthetic.SyntheticConfig(
    name='layers',
    height=32,
    width=32,
    train_sequences=4,
    validation_sequences=1,
    test_sequences=1,
    frames_per_sequence=1,
  )
  builder = synthetic.Builder(config=small, data_dir=data_dir)
  builder.download_and_prepare(file_format='array_record')
  config = config_lib.make(
    'pix2pix',
    dataset='synthetic',
    data_dir=str(data_dir),
    inputs='depth,labels',
    image_size=(32, 32),
    load_size=(0, 0),
    base_width=4,
    n_downsampling=3,
    discriminator_width=4,
    discriminator_layers=2,
    batch_size=4,
    steps=3,
    checkpoint_every=3,
    n_samples=1,
    decay_start=0,
    decay_epochs=0,
  )
  dataset = loading._read(builder, config.data, [], ['a'])
  workdir = tmp_path_factory.mktemp('layers')
  loop.train(config, dataset, workdir, log=lambda line: None)
  return config, dataset, workdir


def test_it_trains_and_validates_without_colors(whole):
  config, dataset, workdir = whole
  assert np.isfinite(float(rows(workdir / 'validation.csv')[-1]['psnr']))
  assert (workdir / 'samples' / 'step_00000003.png').exists()
  model = cyclegan_jax.load(workdir, 'latest')
  inputs = model.domains['rgb'].inputs
  assert inputs.kinds == ('depth', 'labels') and inputs.class_names == dataset.class_names
  seen = 1 + len(dataset.class_names)
  params = model.translators['rgb_to_ir'].params
  assert params['down'][0]['kernel'].shape[2] == seen
  assert networks.discriminator_channels(config.model, model.domains) == {'ir': seen + 1}


def test_it_is_measured_and_translates_scenes_but_not_photographs(whole):
  _, dataset, workdir = whole
  model = cyclegan_jax.load(workdir, 'latest')
  evaluation = cyclegan_jax.evaluate(model, dataset)
  example = pipeline.pixels(dataset, 'test', model.config.data)[0]
  layers = {name: example[name] for name in ('depth', 'labels')}
  made = model.translate(example['rgb'], layers=layers)
  mse = np.mean((made.astype(float) - example['ir']) ** 2)
  assert evaluation.results['model'].totals['mse'] == pytest.approx(mse, rel=1e-5)
  # Colors are not seen; classes are. Any size is padded.
  other = model.translate(255 - example['rgb'], layers=layers)
  np.testing.assert_array_equal(other, made)
  small = {name: plane[:11, :13] for name, plane in layers.items()}
  assert model.translate(example['rgb'][:11, :13], layers=small).shape == (11, 13, 1)
  nowhere = {**layers, 'labels': np.full_like(layers['labels'], 255)}
  assert (model.translate(example['rgb'], layers=nowhere) != made).any()
  with pytest.raises(ValueError, match='expected depth of 32x32, found none'):
    model.translate(example['rgb'], layers={'labels': layers['labels']})
  bare = dataclasses.replace(dataset, class_names=())
  with pytest.raises(UserError, match='has other classes than this model sees'):
    cyclegan_jax.evaluate(model, bare)
  with pytest.raises(UserError, match='sees depth, labels of a scene.*no depth and no labels'):
    model.translate(example['rgb'])


def test_files_of_layers_become_what_the_evaluation_measures(whole, tmp_path):
  _, dataset, workdir = whole
  model = cyclegan_jax.load(workdir, 'latest')
  example = pipeline.pixels(dataset, 'test', model.config.data)[0]
  for name in ('depth', 'labels'):
    (tmp_path / name).mkdir()
    images.write_png(tmp_path / name / '7.png', example[name][..., np.newaxis])
  where = dict(depth_dir=tmp_path / 'depth', label_dir=tmp_path / 'labels/7.png')
  said = []
  cyclegan_jax.translate(
    workdir, [], tmp_path / 'ir', checkpoint='latest', log=said.append, **where
  )
  predict = measure.predictor(model.translators['rgb_to_ir'], model.domains)
  batch = {key: example[key][np.newaxis] for key in ('rgb', 'depth', 'labels')}
  expected = model.domains['ir'].quantize(predict(batch))[0]
  np.testing.assert_array_equal(images.read_image(tmp_path / 'ir/7.png'), expected)
  assert 'Translated 1 of 1 images' in said[-1]
  with pytest.raises(UserError, match='Leave --input out: the files of --depth_dir are translated'):
    cyclegan_jax.translate(workdir, tmp_path / 'labels', tmp_path / 'x', **where)
  with pytest.raises(UserError, match='image file alone, and this model sees depth and labels'):
    cyclegan_jax.export(workdir, tmp_path / 'x.stablehlo', check_images=tmp_path / 'labels')
