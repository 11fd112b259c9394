"""Networks that are told about the image to make: in steps, in runs, and what they do with it."""

import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import condition
from cyclegan_jax.data.source import make_domains, with_inputs
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.models import networks
from cyclegan_jax.models.network import Network
from cyclegan_jax.runs import run_folder
from cyclegan_jax.training import loop
from cyclegan_jax.training.step import conditions, diff_augment, microbatch, rng, state as state_lib
import datasets
from tests.inference import made_up
from tests.training.step import stepping
from tests.training.step.stepping import assert_close
from tests.training.step.test_accumulation import EVERYTHING, examples

NAMES = ('sky', 'road', 'person')
# Both generators and both discriminators, without what takes long to compile.
QUICK = dict(ssim_weight=0.0, gradient_weight=0.0, identity_weight=0.0, ema_decay=0.0)
PIX2PIX = dict(method='pix2pix', cycle_weight=0.0, identity_weight=0.0, supervised_weight=10.0)


def everything(**overrides):
  settings = {**EVERYTHING, 'norm': 'none', 'condition': 'class_temperatures', **overrides}
  return config_lib.make(**settings)


def domains_of(config):
  found = condition.of_kind(config.model.condition, NAMES)
  return make_domains(config.data, condition=found)


def batch_of(config):
  batch = next(iter(examples(config, 1)))
  noise = np.random.default_rng(1).uniform(-1, 1, (config.train.batch_size, 6))
  return {**batch, condition.KEY: noise}


def stepped(config, devices):
  """State and terms after a step, in float64."""
  data = [batch_of(config)]
  return stepping.run_in_float64(config, devices, data, domains=domains_of(config))


@pytest.fixture(scope='module', params=[QUICK, {**PIX2PIX, 'pool_size': 4}], ids=['both', 'pool'])
def whole(request):
  """Settings, and the state and terms after a step of one device in one part."""
  return request.param, *stepped(everything(**request.param), 1)


@pytest.mark.slow
@pytest.mark.parametrize('change', [dict(devices=4), dict(accumulate=2, remat=True)])
def test_devices_parts_and_remat_change_nothing(whole, change):
  settings, expected, expected_terms = whole
  own = {name: value for name, value in change.items() if name != 'devices'}
  state, terms = stepped(everything(**settings, **own), change.get('devices', 1))
  assert_close(terms, expected_terms, atol=1e-5)
  assert_close(state.pools, expected.pools, atol=1e-6)
  for group in ('generators', 'discriminators'):
    assert_close(state.opt_state[group][0].mu, expected.opt_state[group][0].mu, atol=1e-6)


def part(config, batch):
  nets = networks.build(config.model, labeled_domains_of(config))
  return microbatch.Microbatch(nets, config, np.int32(0), batch, None)


@pytest.mark.parametrize('settings', [{}, PIX2PIX])
def test_networks_of_ir_images_see_the_condition_as_constant_channels(settings):
  config = everything(**settings)
  batch = {name: np.float32(x) if x.dtype == float else x for name, x in batch_of(config).items()}
  made, begin = part(config, batch), state_lib.initialize(config, domains_of(config))
  fakes, _ = made.generate(begin.params, begin.batch_stats)
  # The reference: a network without a condition, given all channels by hand.
  planes = np.broadcast_to(batch[condition.KEY][:, None, None], (8, 16, 16, 6))
  bare = Network(made.nets['rgb_to_ir'].graph)
  seen = np.concatenate([batch['rgb'], planes], -1)
  name = 'rgb_to_ir'
  by_hand, _ = bare(begin.params[name], begin.batch_stats[name], seen, training=True)
  np.testing.assert_allclose(fakes['ir'], by_hand, atol=1e-6)
  shown = made.discriminator_input('ir', fakes['ir'], 'rgb')
  before = batch['rgb'] if settings else np.zeros((8, 16, 16, 0), np.float32)
  masked = np.where(batch['rgb_mask'], by_hand, -1)
  np.testing.assert_allclose(shown, np.concatenate([before, masked, planes], -1), atol=1e-6)
  channels = networks.discriminator_channels(config.model, domains_of(config))
  assert channels['ir'] == shown.shape[-1]
  if not settings:  # Nothing is said about RGB images.
    assert channels['rgb'] == 3 == made.discriminator_input('rgb', fakes['rgb'], 'ir').shape[-1]


def labeled_domains_of(config):
  return with_inputs(domains_of(config), config.model, NAMES)


def test_networks_that_see_labels_see_each_temperature_where_its_class_is():
  config = everything(**PIX2PIX, inputs='labels,rgb')
  labels = np.random.default_rng(2).choice(np.array([0, 1, 2, 255], np.uint8), (8, 16, 16))
  batch = {name: np.float32(x) if x.dtype == float else x for name, x in batch_of(config).items()}
  one_hot = np.where(labels[..., np.newaxis] == np.arange(3), np.float32(1), np.float32(-1))
  batch['rgb'] = np.concatenate([one_hot, batch['rgb']], -1)
  made, begin = part(config, batch), state_lib.initialize(config, labeled_domains_of(config))
  fakes, _ = made.generate(begin.params, begin.batch_stats)
  planes = np.zeros((8, 16, 16, 6), np.float32)
  for i, row, column in np.ndindex(8, 16, 16):
    planes[i, row, column, 3:] = batch[condition.KEY][i, 3:]
    if (label := labels[i, row, column]) < 3:
      planes[i, row, column, label] = batch[condition.KEY][i, label]
  bare, name = Network(made.nets['rgb_to_ir'].graph), 'rgb_to_ir'
  seen = np.concatenate([batch['rgb'], planes], -1)
  by_hand, _ = bare(begin.params[name], begin.batch_stats[name], seen, training=True)
  np.testing.assert_allclose(fakes['ir'], by_hand, atol=1e-6)
  shown = made.discriminator_input('ir', fakes['ir'], 'rgb')
  np.testing.assert_allclose(shown[..., -6:], planes, atol=1e-6)
  # Moved and hidden with the labels: all but what is said of the whole image.
  assert made._constants('ir') == 3


def test_what_is_told_is_not_augmented(monkeypatch):
  config = everything(diff_augment='translation+cutout')
  batch = {name: np.float32(x) if x.dtype == float else x for name, x in batch_of(config).items()}
  made, begin = part(config, batch), state_lib.initialize(config, domains_of(config))
  shown, judged = made.discriminator_input('ir', batch['ir'], 'ir'), []
  monkeypatch.setattr(
    microbatch.Microbatch, '_apply', lambda self, name, p, s, x: (judged.append(x), s)
  )
  monkeypatch.setattr(rng, 'places', lambda config, rows, index: np.arange(rows))
  made._judge('ir', begin.params, begin.batch_stats, shown, rng.REAL)
  np.testing.assert_array_equal(judged[0][..., 3:], shown[..., 3:])
  keys = rng.augmentation(config, made.step, rng.places(config, 8, None), 'ir', rng.REAL)
  augmented = diff_augment.augment(shown[..., :3], keys, ['translation', 'cutout'])
  np.testing.assert_array_equal(judged[0][..., :3], augmented)
  assert np.abs(judged[0][..., :3] - shown[..., :3]).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize('method', ['cyclegan', 'pix2pix'])
def test_a_run_keeps_its_condition_and_images_depend_on_it(method, tiny, labeled_pairs, tmp_path):
  settings = dict(
    source_dir=str(labeled_pairs),
    label_dir='labels',
    condition='class_temperatures',
    method=method,
    cycle_weight=0.0,
    adversarial_weight=0.0 if method == 'cyclegan' else 1.0,
    steps=6,
  )
  config = tiny(**settings)
  dataset = datasets.open_dataset(config.data)
  said = []
  assert loop.train(config, dataset, tmp_path / 'run', log=said.append) == 0
  assert any(line.startswith('Condition: gray levels of the training im') for line in said)
  measured = conditions.measured(config, dataset, said.append).domains['ir'].condition
  assert measured.names == ('class 0', 'class 1') and measured.share == (1.0, 1.0)
  # Without the data.
  model = model_lib.load(tmp_path / 'run')
  assert model.domains['ir'].condition == measured
  image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
  by_default = model.translate(image)
  commanded = lambda **levels: model.translate(image, condition=measured.command(levels))
  np.testing.assert_array_equal(by_default, commanded())
  assert (commanded(background=0.9) != commanded(background=-0.9)).mean() > 0.5
  # The run goes on where it was.
  longer = tiny(**{**settings, 'steps': 7})
  assert loop.train(longer, dataset, tmp_path / 'run', log=said.append) == 0
  assert model_lib.load(tmp_path / 'run', 'latest').domains['ir'].condition == measured


@pytest.mark.parametrize('settings', [{}, dict(norm='instance', generator='unet')])
def test_tiles_are_told_the_same(settings):
  told = condition.of_kind('quantiles').measured(np.array([[-0.2, 0.6], [0.1, 0.4]], np.float32))
  made = made_up.model(
    'demo_cyclegan', told=told, condition='quantiles', n_downsampling=3, **settings
  )
  image = made_up.picture(224, 256)
  vector = told.command({'median': -0.8})
  whole = made.translate(image, tile=0, condition=vector)
  assert np.abs(whole.astype(int) - made.translate(image, tile=0)).max() > 3
  tiled = made.translate(image, tile=192, condition=vector)
  assert np.abs(whole.astype(int) - tiled).max() <= 1
  several = made.translate(np.stack([image] * 3), tile=0, condition=vector)
  assert np.abs(several.astype(int) - whole).max() <= 1
  with pytest.raises(ValueError, match=r'condition of \(3,\)'):
    made.translate(image, condition=np.zeros(3, np.float32))


def test_a_run_without_labels_is_refused(tiny, tmp_path):
  config = tiny(condition='class_temperatures')
  dataset = datasets.open_dataset(config.data)
  with pytest.raises(UserError, match='--condition=class_temperatures needs labels, .*--label_dir'):
    loop.train(config, dataset, tmp_path / 'run', log=print)
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('generator', ['udacity', 'resnet'])
def test_networks_that_would_not_hear_what_they_are_told_are_refused(generator):
  with pytest.raises(UserError, match='--condition=quantiles with --norm=instance'):
    config_lib.make(condition='quantiles', dataset='x', generator=generator, norm='instance')


@pytest.mark.slow
def test_instance_norm_removes_what_is_the_same_all_over_an_image():
  settings = dict(generator='resnet', norm='instance', base_width=4, n_residual_blocks=1)
  config = config_lib.make(dataset='x', **settings)
  told = condition.of_kind('quantiles').measured(np.array([[0, 0.5]], np.float32))
  domains = make_domains(config.data, condition=told)
  nets = networks.build(config.model, domains)
  params, stats = networks.initialize(config.model, domains, 0)
  x = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
  apply = lambda vector: nets['rgb_to_ir'](
    params['rgb_to_ir'], stats['rgb_to_ir'], x, training=False, condition=np.float32(vector)
  )[0]
  np.testing.assert_allclose(apply([-0.9, 0]), apply([0.2, 0.9]), atol=1e-4)


def test_cut_is_refused():
  with pytest.raises(UserError, match='--condition=quantiles is for --method=pix2pix and'):
    config_lib.make('cut', dataset='x', condition='quantiles')


def test_a_run_folder_without_its_condition_says_so(tiny, tmp_path):
  config = tiny(condition='quantiles')
  dataset = datasets.open_dataset(config.data)
  found = condition.of_kind('quantiles')
  tmp_path.joinpath('run').mkdir()
  run_folder.create(tmp_path / 'run', config, dataset.with_condition(found), False)
  assert run_folder.load_domains(tmp_path / 'run', config)['ir'].condition == found
  (tmp_path / 'run' / run_folder.CONDITION).write_text('{}')
  with pytest.raises(UserError, match='condition.json does not say what the networks were told'):
    run_folder.load_domains(tmp_path / 'run', config)
