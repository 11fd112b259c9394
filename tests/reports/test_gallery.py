"""Pictures that an evaluation keeps, and what they are of."""

import numpy as np

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.evaluation.evaluate import Evaluation, MODEL
from cyclegan_jax.evaluation.measure import Measured
from cyclegan_jax.inference.model import Model
from cyclegan_jax.metrics import perceptual
from cyclegan_jax.reports import evaluation_files, gallery, image_grid


def test_an_evaluation_keeps_rgb_generated_true_and_error(tmp_path):
  rng = np.random.default_rng(0)
  config = config_lib.make(dataset='synthetic')
  domains = make_domains(config.data)
  pixels = [
    {
      name: rng.integers(0, 256, (8, 12, domain.channels), np.uint8)
      for name, domain in domains.items()
    }
    for _ in range(5)
  ]
  # Of the last example only the left half is valid.
  masks = [np.ones((8, 12, 1), bool) for _ in pixels]
  masks[-1][:, 6:] = False
  examples = [{**both, 'ir_mask': mask} for both, mask in zip(pixels, masks)]

  def predict(batch):
    # Red as IR, 20 levels brighter.
    return batch['rgb'][..., :1] + 20.0

  psnr = np.array([3.0, 5.0, 1.0, 4.0, 2.0])
  measured = Measured([f'name {i}' for i in range(5)], [''] * 5, {'psnr': psnr}, {})
  content = {
    'model': {'psnr': 3.0, 'ssim': 0.5, 'mse': 1.0},
    'baselines': {},
    'n': 5,
    'split': 'test',
    'image_size': [8, 12],
    'value_range': [0, 255],
    'checkpoint_step': 1,
    'preset': 'demo',
    'seed': 0,
    'definitions': {},
  }
  evaluation = Evaluation(
    Model(config, 1, domains, {}), 'test', {MODEL: measured}, examples, predict, perceptual.NONE
  )
  for n, kept in ((5, [0, 1, 2, 3, 4]), (2, [0, 1, 2, 4])):
    # The second time fewer: those of the first are gone.
    evaluation_files.write(tmp_path, content, evaluation, n)
    assert gallery.indices(tmp_path) == kept
  for index in (0, 4):
    rgb, generated, truth, error = gallery.read(tmp_path, index)
    np.testing.assert_array_equal(rgb, pixels[index]['rgb'])
    expected = np.minimum(pixels[index]['rgb'][..., :1].astype(int) + 20, 255)
    np.testing.assert_array_equal(generated, np.repeat(expected, 3, axis=-1))
    np.testing.assert_array_equal(truth, np.repeat(pixels[index]['ir'], 3, axis=-1))
    wrong = np.where(masks[index], expected, pixels[index]['ir'])
    np.testing.assert_array_equal(error, image_grid.error_map(pixels[index]['ir'], wrong, 255))
    assert (error[~masks[index][..., 0]] == 0).all()
