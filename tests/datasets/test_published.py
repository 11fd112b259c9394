"""OSU and AAU from miniature trees to a trained and measured model."""

import itertools

import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.evaluation import baselines, measure
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.training import loop
import datasets
from tests.datasets import aau_trees, test_aau_files, test_osu
from tests.datasets.test_osu import put

SIZE = (24, 32)


def osu_tree(frames):
  """Frames of 24x32 whose thermal part has two black columns at the left."""
  found = {}
  for part in (s + letter for s in '123456' for letter in 'ab'):
    for i in range(frames):
      is_thermal = part[1] == 'a'
      picture = test_osu.picture([int(part[0]), i, is_thermal], 1 if is_thermal else 3, SIZE)
      if is_thermal:
        picture[:, :2] = 0
      found[f'{part}.zip/img_{i:05d}.bmp'] = test_osu.encoded(picture, 'bmp')
  return found


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
  root = tmp_path_factory.mktemp('published')
  return {
    'osu': put(root / 'osu', osu_tree(8)),
    'aau': put(root / 'aau', aau_trees.zipped(aau_trees.tree(8, rig_size=aau_trees.SIZE))),
  }


@pytest.mark.parametrize(
  'name, layout',
  [
    *(('osu', layout) for layout in test_osu.LAYOUTS),
    *(('aau', layout) for layout in test_aau_files.LAYOUTS),
  ],
)
def test_every_layout_loads_paired_and_unpaired_with_and_without_emsn(name, layout, tmp_path):
  layouts = {'osu': test_osu.LAYOUTS, 'aau': test_aau_files.LAYOUTS}[name]
  source = put(tmp_path / 'raw', layouts[layout])
  found = {}
  for paired, emsn in itertools.product((True, False), repeat=2):
    examples = datasets.load(
      name,
      paired=paired,
      emsn=emsn,
      source_dir=str(source),
      image_size=(16, 16),
      data_dir=str(tmp_path / 'prepared'),
    )
    found[paired, emsn] = [examples[i] for i in range(8)]
    for example in found[paired, emsn]:
      assert example['rgb'].shape == (16, 16, 3) and example['ir'].shape == (16, 16, 1)
      assert -1 <= example['ir'].min() <= example['ir'].max() <= 1
      assert not paired or example['id'] == example['ir_id']
  for paired in (True, False):
    np.testing.assert_allclose(
      found[paired, True][3]['ir'], found[paired, False][3]['ir'], atol=1e-6
    )
  assert any(example['id'] != example['ir_id'] for example in found[False, False])


def tiny(name, sources, data_dir, **overrides):
  return config_lib.make(
    **{
      **dict(
        dataset=name,
        source_dir=str(sources[name]),
        data_dir=str(data_dir),
        paired=True,
        emsn=True,
        image_size=(16, 16),
        base_width=4,
        n_residual_blocks=1,
        n_downsampling=2,
        discriminator_width=4,
        discriminator_layers=2,
        batch_size=4,
        steps=2,
        n_samples=2,
      ),
      **overrides,
    }
  )


@pytest.mark.slow
@pytest.mark.parametrize(
  'name, options',
  [
    ('osu', {}),
    ('aau', dict(options={'registration': 'depth'})),
    ('osu', dict(paired=False, emsn=False, options={'split_by': 'sequence'})),
    ('osu', dict(mask='crop', options={'split_by': 'location'})),
    ('aau', {}),
    ('aau', dict(paired=False, options={'split_by': 'sequence'})),
    ('aau', dict(options={'registration': 'plane', 'skip_scenes': '2'})),
  ],
)
def test_two_steps_and_an_evaluation(name, options, sources, data_dir, tmp_path):
  if 'registration' in options.get('options', {}):
    aau_trees.opencv()
  config = tiny(name, sources, data_dir, **options)
  dataset = datasets.open_dataset(config.data)
  said = []
  assert loop.train(config, dataset, tmp_path, log=said.append) == 0
  said = '\n'.join(said)
  for words in ('Split by', 'train', 'Leak check: ', 'test: the nearest training frame is'):
    assert words in said
  model = model_lib.load(tmp_path)
  predict = measure.predictor(model.translators['rgb_to_ir'], model.domains)
  split = 'test' if 'test' in dataset.splits else 'validation'
  results = measure.measure(
    {'model': predict, **baselines.baselines(dataset, config.data, print)},
    pipeline.pixels(dataset, split, config.data),
    model.domains['ir'],
    4,
    print,
  )
  totals = results['model'].totals
  assert np.isfinite(totals['rmse']) and totals['n'] == len(dataset.splits[split])
  masked = config.data.mask == 'loss'
  assert (measure.VALID_SHARE in totals) == masked
  if name == 'osu' and masked:
    # Two of 32 columns are black: the first of 16 has no data.
    assert totals[measure.VALID_SHARE] == pytest.approx(15 / 16)


def test_registration_makes_other_data(sources, data_dir):
  aau_trees.opencv()
  fingerprints = {
    datasets.open_dataset(
      tiny('aau', sources, data_dir, options={'registration': mode}).data
    ).fingerprint
    for mode in ('none', 'plane', 'depth')
  }
  assert len(fingerprints) == 3
