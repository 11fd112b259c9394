"""Tables for papers: rows and columns that LaTeX takes, and the protocol."""

from cyclegan_jax.comparison import latex

SPREAD = {'mean': 20.0, 'sd': 0.5, 'min': 19.0, 'max': 21.0}
CONTENT = {
  'dataset': 'folder',
  'split': 'test',
  'primary_metric': 'ssim',
  'metrics': ['psnr', 'rmse', 'log_spectral_distance', 'ssim'],
  'models': {
    'a_100%': {
      'seeds': [0, 1],
      'metrics': {
        'psnr': SPREAD,
        'rmse': {**SPREAD, 'mean': 9.0},
        'ssim': SPREAD,
        'log_spectral_distance': SPREAD,
      },
    },
    'b': {
      'seeds': [0],
      'metrics': {
        'psnr': {**SPREAD, 'mean': 21.0, 'sd': None},
        'rmse': SPREAD,
        'ssim': {**SPREAD, 'mean': None, 'sd': None},
        'log_spectral_distance': {**SPREAD, 'mean': -1.5},
      },
    },
  },
  'baselines': {
    'mean_image': {'psnr': -1.25, 'rmse': 30.0, 'ssim': None, 'log_spectral_distance': 2.0}
  },
  'direction': 'rgb_to_ir',
  'n': 12,
  'image_size': [16, 24],
  'value_range': [0, 255],
  'split_sha256': 'c0ffee' * 10,
  'best_metric': ['overall'],
  'common_flags': ['--dataset=folder', '--epochs=3', '--source_dir=/home/me/photos'],
}


def test_rows_and_columns():
  text = latex.table(CONTENT)
  rows = [line[4:-3].split(' & ') for line in text.splitlines() if ' & ' in line]
  assert {len(row) for row in rows} == {6} and r'\begin{tabular}{@{}lrrrrr@{}}' in text
  assert rows == [
    ['Model', 'Seeds', 'SSIM', 'PSNR', 'RMSE', 'log-spectral'],
    ['', '', *(r'$\uparrow$', r'[dB] $\uparrow$', r'$\downarrow$', r'distance [dB] $\downarrow$')],
    [
      r'a\_100\%',
      '2',
      r'\textbf{20.000 $\pm$ 0.500}',
      r'20.00 $\pm$ 0.50',
      r'\textbf{9.00 $\pm$ 0.50}',
      r'20.00 $\pm$ 0.50',
    ],
    ['b', '1', '-', r'\textbf{21.00}', r'20.00 $\pm$ 0.50', r'\textbf{$-$1.50 $\pm$ 0.50}'],
    ['mean training IR image', '', '-', '$-$1.25', '30.00', '2.00'],
  ]
  for rule in ('toprule', 'bottomrule'):
    assert text.count('\\' + rule) == 1
  assert text.count(r'\midrule') == 2


def test_baselines_are_called_after_their_direction():
  assert 'mean training RGB image' in latex.table({**CONTENT, 'direction': 'ir_to_rgb'})


def test_the_protocol_is_below():
  text = latex.table(CONTENT)
  below = text.partition(r'\end{tabular}')[2]
  for words in ('(0, 1)', '12 images', '16x24 pixels', 'c0ffeec0ffee', 'overall', '-{}-epochs=3'):
    assert words in below
  assert '/home' not in text and r'$\pm$' in below and '±' not in text


def test_every_special_character_is_escaped():
  special = r'\&%$#_{}~^<>'
  found = latex.escaped(special)
  assert found.startswith(r'\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}')
  assert latex.escaped('plain-text 1.2') == 'plain-text 1.2'
  assert latex.escaped('a|b --- c') == r'a\textbar{}b -{}-{}- c'  # no dash
