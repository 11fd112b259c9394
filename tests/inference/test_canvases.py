"""Few canvases for many sizes: what fits, what is wasted, and folders that are translated so."""

import collections
import itertools

import numpy as np
import PIL.Image

from cyclegan_jax.inference import batches, canvases, translate
from cyclegan_jax.inference.files import inputs, outputs
from tests.inference import made_up


def plan(sizes, limit=10**9):
  return canvases.plan(sizes, 32, lambda size: size[0] * size[1] <= limit)


def test_one_size_has_its_own_canvas():
  (canvas,) = plan({(64, 96): 100}).values()
  assert canvas.shape == (64, 96) and not canvas.mixed
  # Four devices; of the last batch few rows are filled up.
  assert canvas.rows % 4 == 0 and -100 % canvas.rows <= 12


def test_canvases_are_large_enough_few_and_hardly_larger():
  rng = np.random.default_rng(0)
  sizes = collections.Counter(
    (32 * h, 32 * w) for h, w in rng.integers((6, 9), (15, 20), (2000, 2)).tolist()
  )
  found = plan(sizes)
  assert set(found) == set(sizes) and len(set(found.values())) <= len(sizes) / 2
  for (height, width), canvas in found.items():
    assert canvas.shape[0] >= height and canvas.shape[1] >= width
    assert canvas.mixed or canvas.shape == (height, width)
  area = lambda shapes: sum(n * np.prod(shape) for shape, n in shapes)
  canvas_area = area((found[size].shape, n) for size, n in sizes.items())
  assert canvas_area < 1.15 * area(sizes.items())


def test_what_does_not_fit_has_no_canvas():
  found = plan({(64, 64): 1, (96, 32): 1, (320, 320): 1}, limit=5000)
  assert set(found) == {(64, 64), (96, 32)}
  # Together they would be 96x64.
  assert found[64, 64].shape == (64, 64) and found[96, 32].shape == (96, 32)


def test_many_sizes_are_planned_in_time():
  sizes = {(32 * h, 32 * w): 1 for h, w in itertools.product(range(1, 60), repeat=2)}
  assert set(plan(sizes)) == set(sizes)


def test_a_folder_of_mixed_sizes_equals_its_images_alone(tmp_path):
  model = made_up.model(norm='instance', n_downsampling=2, n_residual_blocks=1)
  photos = tmp_path / 'photos'
  photos.mkdir()
  sizes = [(40, 56), (33, 64), (64, 64), (20, 90), (100, 30)]
  for i, size in enumerate(sizes):
    PIL.Image.fromarray(made_up.picture(*size, seed=i)).save(photos / f'{i}.png')
  (photos / 'bad.png').write_bytes(b'no image')
  options = outputs.OutputOptions(tmp_path / 'ir')
  translator = outputs.FileTranslator(model, options, {})
  jobs = inputs.plan([str(photos)], options.output, suffix='.png').jobs
  chosen = batches.plan(translator, jobs)
  assert len(chosen) == len(sizes) and len(set(chosen.values())) == 1
  failures = translate.translate_files(translator, jobs, lambda line: None)
  assert len(failures) == 1 and 'bad.png' in failures[0]
  for i, size in enumerate(sizes):
    found = np.asarray(PIL.Image.open(tmp_path / f'ir/{i}.png')).astype(int)
    alone = model.translate(made_up.picture(*size, seed=i))[..., 0]
    assert found.shape == size and abs(found - alone).max() <= 1
