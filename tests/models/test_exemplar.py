"""Networks by example: norms by hand, sizes as published, and one generator like any other."""

import jax
import numpy as np
import pytest

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import canvases
from cyclegan_jax.inference.export import check, export
from cyclegan_jax.inference.export.program import Program
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.inference.tiling import receptive_field
from cyclegan_jax.models import adain, exemplar, networks
from cyclegan_jax.models.initializers import Draws
from cyclegan_jax.settings import DataConfig, ModelConfig
from tests.inference import made_up

CONFIG = ModelConfig(method='exemplar', generator='resnet', norm='instance', base_width=4)


@pytest.fixture(scope='module')
def made():
  return made_up.model(
    'exemplar', image_size=(32, 32), load_size=(0, 0), n_residual_blocks=1, sync_batch_norm=False
  )


def features(seed=0, shape=(2, 6, 5, 4)):
  return np.random.default_rng(seed).normal(0.3, 2, shape).astype(np.float32)


def test_an_adaptive_norm_gives_each_channel_the_mean_and_the_deviation_of_the_style():
  x, shift, scale = features(), features(1, (2, 1, 1, 4)), features(2, (2, 1, 1, 4))
  got = np.asarray(adain.AdaptiveNorm(CONFIG, 4, Draws(0))(x, (shift, scale)))
  for image, of_image, wanted, spread in zip(got, x, shift, scale):
    for c in range(4):
      by_hand = (of_image[..., c] - of_image[..., c].mean()) / of_image[..., c].std()
      by_hand = by_hand * spread[0, 0, c] + wanted[0, 0, c]
      np.testing.assert_allclose(image[..., c], by_hand, atol=1e-4)
      assert image[..., c].mean() == pytest.approx(wanted[0, 0, c], abs=1e-4)


def test_another_style_moves_levels_and_leaves_edges_where_they_are():
  x, norm = features(), adain.AdaptiveNorm(CONFIG, 4, Draws(0))
  low, high = (
    np.asarray(norm(x, (np.full((2, 1, 1, 4), level), np.full((2, 1, 1, 4), spread))))
    for level, spread in ((-0.5, 0.3), (0.8, 0.6))
  )
  np.testing.assert_allclose(low.mean((1, 2)), -0.5, atol=1e-5)
  np.testing.assert_allclose(high.mean((1, 2)), 0.8, atol=1e-5)
  for axis in (1, 2):
    np.testing.assert_allclose(np.diff(high, axis=axis), 2 * np.diff(low, axis=axis), atol=1e-4)


def test_an_image_norm_is_over_all_channels_of_an_image():
  x, norm = features(), adain.ImageNorm(4, Draws(0))
  norm.scale[...], norm.bias[...] = np.float32([1, 2, 3, 4]), np.float32([0, 1, 0, 1])
  for image, of_image in zip(np.asarray(norm(x)), x):
    by_hand = (of_image - of_image.mean()) / of_image.std()
    np.testing.assert_allclose(image, by_hand * [1, 2, 3, 4] + [0, 1, 0, 1], atol=1e-4)


def test_sizes_are_those_of_the_published_program():
  domains, count = make_domains(DataConfig(ir_channels=3)), networks.count_parameters
  shapes, _ = networks.abstract(ModelConfig(method='exemplar', n_downsampling=2), domains)
  whole = shapes['rgb_to_ir']
  assert count(whole['style_ir']) == 709_824
  affine = whole['decoder_ir']['affine']['dense']
  assert [affine[i]['kernel'].shape[2:] for i in range(3)] == [(128, 256), (256, 256), (256, 2048)]
  # Theirs enlarges once, from 256 channels.
  once = ModelConfig(method='exemplar', n_downsampling=1, base_width=128)
  decoder = networks.abstract(once, domains)[0]['rgb_to_ir']['decoder_ir']
  assert count(decoder) - count(decoder['affine']) == 3_198_723


def test_the_mean_style_is_that_of_the_latest_steps():
  config = ModelConfig(method='exemplar', base_width=4, sync_batch_norm=False)
  generator = exemplar.ExemplarGenerator(config, 3, 1, Draws(None))
  styles = features(shape=(120, 2, 8))
  wanted = np.zeros(8)
  for i, of_step in enumerate(styles, 1):
    generator.remember(of_step)
    wanted += (of_step.mean(0) - wanted) / min(i, 100)
    if i == 50:
      np.testing.assert_allclose(generator.mean_style[...], styles[:50].mean((0, 1)), atol=1e-5)
  np.testing.assert_allclose(generator.mean_style[...], wanted, atol=1e-5)


def test_a_style_is_a_condition_and_without_one_it_is_the_mean(made):
  image, generator = made_up.picture(32, 48), made.translators['rgb_to_ir']
  mean = np.asarray(generator.batch_stats['mean_style'])
  plain = made.translate(image)
  np.testing.assert_array_equal(plain, made.translate(image, condition=mean))
  reference = made_up.picture(40, 56, 1, seed=1)
  style = made.style(reference)
  assert style.shape == (8,) and np.abs(style - made.style(255 - reference)).max() > 1e-3
  styled = made.translate(image, style=reference)
  np.testing.assert_array_equal(styled, made.translate(image, condition=style))
  assert np.abs(styled.astype(int) - plain).max() > 3
  # Of any bit depth, and in three equal channels.
  deep = reference.astype(np.uint16) * 257
  np.testing.assert_allclose(made.style(np.repeat(reference, 3, -1)), style, atol=1e-6)
  np.testing.assert_allclose(made.style(deep), style, atol=1e-2)


@pytest.mark.slow
def test_images_on_a_canvas_are_those_without(made):
  batch = [made_up.picture(32, 64), made_up.picture(64, 40, seed=1)]
  canvas = canvases.Canvas((96, 96), 2, True)
  style = made.style(made_up.picture(32, 32, 1))
  together = made.translate_on(canvas, [Scene(image) for image in batch], condition=style)
  for image, got in zip(batch, together):
    alone = made.translate(image, condition=style)
    assert np.abs(got.astype(int) - alone).max() <= 1


def test_references_that_are_no_ir_images_are_refused(made):
  with pytest.raises(UserError, match='photo.png: a thermal image in false color'):
    made.style(made_up.picture(32, 32), 'photo.png')
  with pytest.raises(UserError, match=r'udacity\) knows no styles; --preset=exemplar'):
    made_up.model().style(made_up.picture(32, 32, 1))


@pytest.mark.slow
def test_tiles_and_exported_files_give_the_whole_image(made, tmp_path):
  pytest.importorskip('onnxruntime', reason='pip install onnxruntime')
  image, style = made_up.picture(160, 224), made.style(made_up.picture(32, 32, 1))
  overlap = 2 * receptive_field.radius(made.config.model)
  assert overlap <= 96
  for condition in (None, style):
    whole = made.translate(image, tile=0, condition=condition)
    tiled = made.translate(image, tile=128, overlap=96, condition=condition)
    assert np.abs(tiled.astype(int) - whole).max() <= 1
  program = Program(made, 'rgb_to_ir', 255)
  for form in ('onnx', 'stablehlo'):
    module = export.load_format(form)
    module.write(tmp_path / form, program, {})
    # A single pixel among the images, whose contrast is nothing but rounding.
    found = check.compare(module.load(tmp_path / form), program, [check.Example('it', image)])
    assert found.largest <= 1


def test_equal_networks_are_one_key():
  config = ModelConfig(method='exemplar', base_width=4, n_residual_blocks=1)
  one, other = (networks.build(config, make_domains(DataConfig())) for _ in range(2))
  assert one == other and {*one.values()} == {*other.values()}
  assert jax.tree.leaves(networks.abstract(config, make_domains(DataConfig()))[1])
