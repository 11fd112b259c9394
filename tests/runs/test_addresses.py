"""The model that comes with the program, and what else is named in place of a run folder."""

import numpy as np
import pytest

from cyclegan_jax import checksum
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.runs import addresses, published
from datasets.synthetic import layout, render

# A tracked file has less than 4 MB.
_LARGEST = 3.5e6


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """The working folder, which is empty."""
  monkeypatch.chdir(tmp_path)
  return tmp_path


def test_a_folder_of_that_name_comes_first(folder):
  assert addresses.is_address('rendered') and addresses.is_address('hf://a/b')
  assert not addresses.is_address('other') and not addresses.is_address(folder)
  assert addresses.located('rendered') == addresses.bundled('rendered')
  (folder / 'rendered').mkdir()
  assert not addresses.is_address('rendered')
  assert str(addresses.located('rendered')) == 'rendered'
  assert addresses.bundled('rendered').is_absolute()


def test_an_unknown_name_is_refused_with_those_there_are():
  with pytest.raises(UserError, match='--model=other: no such model .* There is rendered'):
    addresses.bundled('other')


def test_results_go_beside_a_copy_named_after_the_weights(folder):
  copied = addresses.located('rendered', results='runs')
  weights = copied / published.WEIGHTS
  assert copied.name == f'rendered_{checksum.of_file(weights)[:8]}'
  assert addresses.bundled('rendered', 'runs') == copied
  assert (copied / 'README.md').read_text().startswith('---\nlicense: "apache-2.0"')


def test_every_model_is_small_and_whole():
  for name in addresses.BUNDLED:
    files = [file for file in addresses.bundled(name).rglob('*') if file.is_file()]
    assert max(file.stat().st_size for file in files) < _LARGEST
    assert published.read(addresses.bundled(name)).config.data.dataset == 'synthetic'


@pytest.mark.slow
def test_it_translates_scenes_that_it_has_not_seen(folder):
  """Better than any constant, and than the luminance with any gain and offset."""
  model = model_lib.load('rendered')
  data = model.config.data
  assert data.options == {'extra_scenes': 1900}
  beaten = []
  for sequence in range(120, 128):  # Of the test split.
    scene = layout.random_scene(0, sequence, 0.0)
    image = render.render(scene, 0, sequence, 0, 128, 160)
    found, truth = (x.astype(float) for x in (model.translate(image.rgb), image.ir))
    luminance = image.rgb.mean(-1).ravel()
    fit = np.polyval(np.polyfit(luminance, truth.ravel(), 1), luminance)
    errors = [np.mean((guess - truth.ravel()) ** 2) for guess in (found.ravel(), fit)]
    beaten.append(errors[0] < errors[1] < truth.var() + 1e-6)
  assert np.mean(beaten) >= 0.75
