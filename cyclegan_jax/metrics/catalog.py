"""All figures of merit: what tables call them, which direction is better, how they are defined."""

from collections.abc import Mapping
import dataclasses
import math
import types


@dataclasses.dataclass(frozen=True)
class Metric:
  """A figure of merit.

  Attributes:
    title: its name in tables.
    better: 1 if higher is better, -1 if lower is, 0 if nearer 1 is.
    unit: follows the number, with a leading space.
    definition: one line for reports; '' where the report of the network says more.
    left_out: what a mean over images leaves out and counts: 'infinite' or 'undefined' values.
    decimals: digits after the point, so that a column lines up.
  """

  title: str
  better: int
  unit: str = ''
  definition: str = ''
  left_out: str = ''
  decimals: int = 2

  def shown(self, value: float | None, sign: str = '') -> str:
    """Returns a value as tables have it; '-' for None and NaN. `sign` is '+' or ''."""
    if value is None or math.isnan(value):
      return '-'
    if math.isinf(value):
      return '∞' if value > 0 else '-∞'
    return f'{value:{sign}.{self.decimals}f}'


# In the order of the columns of an evaluation's tables.
METRICS: Mapping[str, Metric] = types.MappingProxyType(
  {
    'psnr': Metric(
      'PSNR',
      1,
      ' dB',
      'dB, mean over images; psnr_pooled: from the mean of mse over all images',
      'infinite',
    ),
    'psnr_pooled': Metric('PSNR, pooled', 1, ' dB'),
    'ssim': Metric(
      'SSIM', 1, '', 'Wang et al. 2004: 11x11 Gaussian window, sigma 1.5, valid windows', decimals=3
    ),
    'ms_ssim': Metric(
      'MS-SSIM',
      1,
      '',
      'Wang et al. 2003: five scales, for sides of at least 176 pixels',
      decimals=3,
    ),
    'uqi': Metric('UQI', 1, '', 'Wang & Bovik 2002, 8x8 windows', decimals=3),
    'uqi_sewar': Metric(
      'UQI, sewar',
      1,
      definition="the formula of the package sewar, as in the paper's Table I; not Wang & Bovik's",
      decimals=3,
    ),
    'mse': Metric('MSE', -1, decimals=1),
    'rmse': Metric('RMSE', -1),
    'mae': Metric('MAE', -1),
    'correlation': Metric(
      'correlation', 1, '', "Pearson's, per image, mean over images", 'undefined', decimals=3
    ),
    'log_spectral_distance': Metric(
      'log-spectral distance',
      -1,
      ' dB',
      'dB, root mean square difference of the radially averaged log power spectra; Hann window, '
      '1/12 (rounding noise) added to each power',
    ),
    'gradient_ratio': Metric(
      'gradient ratio',
      0,
      '',
      'mean gradient size of the generated image / that of the true one, forward differences; '
      'below 1 is blurred, above 1 noisy',
      'undefined',
    ),
    'hot_recall': Metric(
      'hot-pixel recall',
      1,
      '',
      'share of the hottest 2 % of true pixels that are among as many hottest generated ones; '
      'chance is about 0.02',
      'undefined',
      decimals=3,
    ),
    'hot_mae': Metric(
      'MAE, hot pixels',
      -1,
      '',
      'mean absolute error of the hottest 2 % of true pixels',
      'undefined',
    ),
    'psnr_image_gain': Metric(
      'PSNR, image gain',
      1,
      ' dB',
      'psnr after the least-squares gain and offset of each image, rounded and clipped again; a '
      'gain may be negative',
      'infinite',
    ),
    'ssim_image_gain': Metric(
      'SSIM, image gain', 1, '', 'ssim of the images of psnr_image_gain', decimals=3
    ),
    'psnr_dataset_gain': Metric(
      'PSNR, data set gain',
      1,
      ' dB',
      'psnr after one least-squares gain and offset for all images, dataset_gain and '
      'dataset_offset, rounded and clipped again',
      'infinite',
    ),
    'ssim_dataset_gain': Metric(
      'SSIM, data set gain', 1, '', 'ssim of the images of psnr_dataset_gain', decimals=3
    ),
    'lpips': Metric('LPIPS, VGG', -1, decimals=3),
    'lpips_alex': Metric('LPIPS, AlexNet', -1, decimals=3),
    'fid': Metric('FID', -1),
    'kid': Metric('KID', -1, decimals=4),
    'unpaired_error': Metric(
      'unpaired error',
      -1,
      '',
      'histogram_distance in % of the range + spectral_distance + mean cycle error in % of the '
      'range; chooses the checkpoint where there are no pairs',
    ),
    'histogram_distance': Metric(
      'histogram distance',
      -1,
      '',
      'gray levels, Wasserstein distance of the histograms of all generated and all real '
      'pixels; of a single image, of its own and that of all real ones',
    ),
    'spectral_distance': Metric(
      'spectral distance',
      -1,
      ' dB',
      'dB, root mean square difference of the mean log power spectra of generated and real '
      'images, radially averaged as in log_spectral_distance',
    ),
    'cycle_error_rgb': Metric(
      'cycle error, RGB',
      -1,
      '',
      'gray levels, mean absolute difference of an RGB image and what ir_to_rgb regains of it',
    ),
    'cycle_error_ir': Metric('cycle error, IR', -1, '', 'the same of IR images by rgb_to_ir'),
  }
)
