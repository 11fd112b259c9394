"""FID, KID and LPIPS with small networks of random weights in files of the published layout."""

import hashlib
import socket

import grain
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import baselines, measure, results as results_lib
from cyclegan_jax.metrics import distributions, perceptual
from cyclegan_jax.reports import evaluation_files
from tests.evaluation import test_measure_masks

torch = pytest.importorskip(
  'torch', reason='needs the extra perceptual: pip install ".[perceptual]"'
)

IR = test_measure_masks.IR


class Inception(torch.nn.Module):
  """Called as NVIDIA's inception-2015-12-05.pt: bytes in, 2048 features out."""

  def __init__(self):
    super().__init__()
    self.linear = torch.nn.Linear(48, 2048)

  def forward(self, images: torch.Tensor, return_features: bool = False) -> torch.Tensor:
    x = torch.nn.functional.adaptive_avg_pool2d(images.to(torch.float32) / 255, 4)
    features = self.linear(x.flatten(1))
    return features if return_features else features.softmax(1)


class Vgg(torch.nn.Module):
  """Called as NVIDIA's vgg16.pt."""

  def __init__(self):
    super().__init__()
    self.convolution = torch.nn.Conv2d(3, 4, 3, stride=4)

  def forward(
    self,
    images: torch.Tensor,
    resize_images: bool = True,
    return_features: bool = False,
    return_lpips: bool = False,
  ) -> torch.Tensor:
    assert return_lpips and not resize_images
    return self.convolution(images.to(torch.float32) / 255).flatten(1)


class Distance(torch.nn.Module):
  """Called as the LPIPS of the package lpips, with a first layer of AlexNet's shape."""

  def __init__(self, channels: int = 64):
    super().__init__()
    self.first = torch.nn.Conv2d(3, channels, 11, stride=4, padding=2)

  def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (self.first(a) - self.first(b)).square().mean([1, 2, 3], keepdim=True)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
  """The folder of the files, and the modules that they hold."""
  folder = tmp_path_factory.mktemp('weights')
  torch.manual_seed(0)
  modules = {'inception-2015-12-05.pt': Inception(), 'vgg16.pt': Vgg()}
  for name, module in modules.items():
    torch.jit.script(module).save(str(folder / name))
  distance = Distance()
  x = torch.zeros(1, 3, 48, 48)
  torch.jit.trace(distance, (x, x)).save(str(folder / 'lpips_alex.pt'))
  torch.jit.trace(Distance(63), (x, x)).save(str(folder / 'lpips_other.pt'))
  torch.save(modules['vgg16.pt'].state_dict(), folder / 'weights.pth')
  (folder / 'text.pt').write_text('hello')
  return folder, *modules.values(), distance


@pytest.fixture(scope='module')
def networks(files):
  names = 'inception-2015-12-05.pt', 'vgg16.pt', 'lpips_alex.pt'
  return perceptual.load(*(files[0] / name for name in names))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
  """Whoever asks for an address fails the test."""

  def refused(*_, **__):
    raise AssertionError('a network call')

  for name in ('getaddrinfo', 'create_connection'):
    monkeypatch.setattr(socket, name, refused)
  monkeypatch.setattr(socket.socket, 'connect', refused)


def predict(batch):
  return batch['ir'] * 0.7 + 20.0


def as_rgb(pixels, mask=True):
  pixels = torch.from_numpy(np.where(mask, pixels, 0).astype(np.uint8))
  return torch.moveaxis(pixels, 3, 1).repeat(1, 3, 1, 1)


@pytest.mark.parametrize('masked', [False, True])
def test_figures_equal_those_of_the_networks_outputs(files, networks, masked):
  examples = test_measure_masks.examples(9)
  if masked:
    examples[3]['ir_mask'] = np.zeros_like(examples[3]['ir_mask'])
  else:
    for example in examples:
      del example['ir_mask']
  found = measure.measure(
    {'model': predict}, grain.MapDataset.source(examples), IR, 4, print, networks
  )['model']
  stack = {key: np.stack([example[key] for example in examples]) for key in examples[0]}
  images = [
    as_rgb(pixels, stack.get('ir_mask', True))
    for pixels in (stack['ir'], IR.quantize(predict(stack)))
  ]
  _, inception, vgg, distance = files
  with torch.no_grad():
    alex = distance(*(x.float() / 127.5 - 1 for x in images)).numpy().reshape(-1)
    seen = [vgg(x, resize_images=False, return_lpips=True).numpy() for x in images]
    features = [inception(x, return_features=True).numpy() for x in images]
  expected = np.sum((seen[0] - seen[1]) ** 2, 1)
  if masked:
    expected[3] = alex[3] = np.nan
    features = [np.delete(x, 3, 0) for x in features]
    assert found.totals['lpips_undefined'] == found.totals['lpips_alex_undefined'] == 1
  np.testing.assert_allclose(found.per_image['lpips'], expected, rtol=1e-4)
  assert found.totals['lpips'] == pytest.approx(np.nanmean(expected), rel=1e-4)
  np.testing.assert_allclose(found.per_image['lpips_alex'], alex, rtol=1e-4)
  assert found.totals['lpips_alex'] == pytest.approx(np.nanmean(alex), rel=1e-4)
  assert found.totals['fid'] == pytest.approx(distributions.frechet_distance(*features), rel=1e-3)
  mean, deviation = distributions.kernel_distance(*features)
  assert found.totals['kid'] == pytest.approx(mean, rel=1e-2)
  assert found.totals['kid_sd'] == pytest.approx(deviation, rel=1e-2)
  assert found.totals['fid_images'] == 9 - masked


def test_sixteen_bits_are_scaled_to_eight(networks):
  pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 1)).astype(np.float32)
  eight, sixteen = (networks.seen(pixels * scale, 255 * scale, None) for scale in (1, 257))
  for name in ('images', 'inception', 'vgg'):
    np.testing.assert_array_equal(eight[name], sixteen[name])


def test_report_says_what_was_measured(files, networks, tmp_path):
  data = grain.MapDataset.source(test_measure_masks.examples(5))
  predictors = dict.fromkeys((results_lib.MODEL, *baselines.BASELINES), predict)
  results = measure.measure(predictors, data, IR, 2, print, networks)
  config = config_lib.make(dataset='osu', paired=True)
  content = results_lib.result(results, config, IR, 'test', 1, networks)
  text = evaluation_files.markdown(content)
  for name in ('inception-2015-12-05.pt', 'vgg16.pt', 'lpips_alex.pt'):
    assert hashlib.sha256((files[0] / name).read_bytes()).hexdigest() in text
  for words in (
    '| LPIPS, VGG | LPIPS, AlexNet | FID | KID |',
    ' ± ',
    '5 images each',
    'subsets of 2 images',
    'seed 0',
    'WARNING: with fewer than 2048 images',
    'repeated three times',
  ):
    assert words in text
  # Which may go on with the kind of build, such as +cu130.
  assert torch.__version__.startswith(content['versions']['torch'])
  assert {'fid', 'kid', 'kid_sd', 'lpips', 'lpips_alex'} <= set(content['model'])
  assert content['baselines']['constant']['fid'] == pytest.approx(content['model']['fid'])


@pytest.mark.parametrize(
  'flag, name, words',
  [
    ('fid_weights', 'nosuch.pt', ['no such file', 'inception-2015-12-05.pt', 'https://']),
    ('lpips_weights', '', ['no such file', 'vgg16.pt', 'https://']),
    ('fid_weights', 'weights.pth', ['not a TorchScript file', 'inception-2015-12-05.pt']),
    ('lpips_weights', 'text.pt', ['not a TorchScript file', 'vgg16.pt']),
    ('fid_weights', 'vgg16.pt', ['another network']),
    ('lpips_weights', 'inception-2015-12-05.pt', ['another network', 'return_lpips']),
    ('lpips_alex_weights', 'nosuch.pt', ['no such file', 'docs/how-to/measure.md']),
    ('lpips_alex_weights', 'text.pt', ['not a TorchScript file']),
    ('lpips_alex_weights', 'inception-2015-12-05.pt', ['another network', 'pairs of images']),
    ('lpips_alex_weights', 'lpips_other.pt', ['another network', 'AlexNet']),
  ],
)
def test_other_files_are_refused(files, flag, name, words):
  given = {'fid_weights': None, 'lpips_weights': None, flag: files[0] / name}
  with pytest.raises(UserError) as error:
    perceptual.load(**given)
  for word in (f'--{flag}=', *words):
    assert word in str(error.value)


def test_images_that_a_network_cannot_take_are_refused(networks):
  perceptual.check_size(networks, (31, 33))
  vgg = perceptual.Perceptual(networks.inception, networks.vgg)
  perceptual.check_size(vgg, (16, 20))
  perceptual.check_size(perceptual.Perceptual(networks.inception), (12, 12))
  with pytest.raises(UserError, match='--lpips_weights: images of 12x20'):
    perceptual.check_size(vgg, (12, 20))
  with pytest.raises(UserError, match='--lpips_alex_weights: images of 30x64 .* 31 pixels'):
    perceptual.check_size(networks, (30, 64))
