"""The page about runs: what it says of measured, unmeasured, damaged and odd ones."""

import html
import json
import re
import shutil

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.reports import gallery, run_page, temperature_strip
from cyclegan_jax.runs import reader
from tests.comparison.made_up import N
from tests.reports import made_up


@pytest.fixture
def run(tmp_path):
  """A measured run of 30 steps."""
  made_up.write(tmp_path / 'run', paired=True)
  return tmp_path / 'run'


def render(*folders, n=5, split='test'):
  return run_page.render(reader.read(folders, split), split, n)


def plain(text):
  """The text that a person reads, roughly."""
  text = re.sub(r'<(style|script)>.*?</\1>', '', text, flags=re.DOTALL)
  return ' '.join(html.unescape(re.sub(r'<[^>]+>', ' ', text)).split())


def rows_of(text, label):
  """The cells of the table with a label."""
  table = re.search(f'aria-label="{label}">(.*?)</table>', text, re.DOTALL).group(1)
  return [
    [
      html.unescape(re.sub(r'<[^>]+>', '', cell))
      for cell in re.findall(r'<t[hd][^>]*>(.*?)</t[hd]>', row)
    ]
    for row in re.findall(r'<tr.*?</tr>', table, re.DOTALL)
  ]


def test_figures_are_those_of_the_files(run):
  text = render(run)
  content = json.loads((run / 'evaluation' / 'test' / 'metrics.json').read_text())
  header, model, *baselines = rows_of(text, 'Figures of merit of models and trivial guesses')
  assert model[0] == 'model' and [row[0] for row in baselines] == [
    'mean training IR image',
    'some_guess',
  ]
  assert float(model[header.index('PSNR')]) == pytest.approx(content['model']['psnr'], rel=1e-3)
  images = rows_of(text, 'Figures of merit of single images')
  worst = int(np.argmin(reader.read([run], 'test')[0].measured.per_image['psnr']))
  assert len(images) == N + 1 and images[1][:2] == [f'place{worst // 3}/image{worst}', 'place0']
  per_image = reader.read([run], 'test')[0].measurements.per_image
  column = [float(row[images[0].index('PSNR')]) for row in images[1:]]
  np.testing.assert_allclose(column, sorted(per_image['psnr']), rtol=1e-3)
  changed = rows_of(text, 'Settings changed from the preset')
  assert changed[0] == ['Setting', 'Value', 'Preset'] and ['paired', 'True *', 'False'] in changed
  # The last value of the validation curve.
  assert 'PSNR: 21.97' in text


def test_errors_class_by_class_are_folded_away(run):
  assert 'class by class' not in render(run)
  file = run / 'evaluation' / 'test' / 'metrics.json'
  content = json.loads(file.read_text())
  of_all = {name: {'bias': 2.5, 'mae': 4.25} for name in ('model', *content['baselines'])}
  of_model = {'bias': -12.5, 'mae': 31.25, 'bias_in_unit': -6.0, 'mae_in_unit': 15.0}
  content['classes'] = {
    'unit': 'K',
    'errors': [{'class': '<b>person', 'pixels': 1234, 'images': 5, **of_all, 'model': of_model}],
  }
  file.write_text(json.dumps(content))
  text = render(run)
  assert '<b>person' not in text and '<summary>Errors class by class</summary>' in text
  header, row = rows_of(text, 'Errors class by class of run')
  assert header == [
    *('class', 'pixels', 'images', 'bias', 'MAE', 'bias, K', 'MAE, K'),
    *('MAE, mean training IR image', 'MAE, some_guess'),
  ]
  assert row == ['<b>person', '1234', '5', '-12.5', '31.2', '-6', '15', '4.25', '4.25']


def test_a_model_that_is_told_temperatures_has_a_section_of_its_own(run):
  assert 'One image, many temperatures' not in plain(render(run))
  file = run / 'evaluation' / 'test' / 'metrics.json'
  content = json.loads(file.read_text())
  figures = {'slope': 0.97, 'error': 3.25, 'leakage': 0.0612, 'error_in_unit': 0.892}
  content['obedience'] = {
    'unit': 'K',
    'images': 5,
    'quantities': [
      {'name': 'sky', 'images': 4, **figures},
      {'name': 'nowhere', 'images': 0, **dict.fromkeys(figures)},
      {'name': 'all', 'images': 5, **figures, 'leakage': None},
    ],
  }
  content['true_condition'] = content['model']
  file.write_text(json.dumps(content))
  PIL.Image.new('RGB', (70, 10)).save(file.with_name(temperature_strip.FILE))
  text = render(run)
  assert rows_of(text, 'What was commanded and what came, run') == [
    ['quantity', 'images', 'slope', 'error', 'leakage, %', 'error, K'],
    ['sky', '4', '0.97', '3.25', '6.1', '0.892'],
    ['all', '5', '0.97', '3.25', '-', '0.892'],
  ]
  assert 'One RGB image under five temperatures' in text
  figures = rows_of(text, 'Figures of merit of models and trivial guesses')
  assert figures[-1][0] == 'model told the true condition (an oracle)'


def test_an_unmeasured_run_says_how_to_measure_it(run):
  shutil.rmtree(run / 'evaluation')
  text = plain(render(run))
  assert f'python -m experiments.evaluate --workdir={run}' in text
  assert 'Single images' not in text and 'Training' in text
  assert '--split=validation' in plain(render(run, split='validation'))


def test_a_run_that_went_on_after_its_evaluation_says_so(run):
  with (run / 'metrics.csv').open('a') as log:
    log.write('40,4.0,0.5\n50,5')  # The last row is cut short by a kill.
  text = plain(render(run))
  assert 'Measured after 30 steps; the run has 40 by now' in text and '40 steps' in text


def test_several_runs_side_by_side(run, tmp_path):
  made_up.write(tmp_path / 'other' / 'run', paired=False)
  made_up.reseeded(tmp_path / 'other' / 'run', 3)
  text = render(run, tmp_path / 'other' / 'run')
  differences = rows_of(text, 'Settings that differ between the runs')
  name = f'{tmp_path.name}/run'
  assert differences[0] == ['Setting', name, 'other/run']
  found = {row[0]: row[1:] for row in differences[1:]}
  assert found == {
    'paired': ['True *', 'False'],
    'supervised_weight': ['10 *', '0'],
    'seed': ['0', '3 *'],
  }
  merits = rows_of(text, 'Figures of merit of models and trivial guesses')
  # Equal baselines stand there once.
  assert [row[0] for row in merits[1:]] == [
    name,
    'other/run',
    'mean training IR image',
    'some_guess',
  ]
  header = rows_of(text, 'Figures of merit of single images')[0]
  assert f'PSNR, {name}' in header and 'SSIM, other/run' in header
  # RGB and IR are not there twice: with two runs six pictures, not eight.
  assert text.count('data:image') == 6 * 6


def test_runs_measured_on_other_images_get_tables_of_their_own(run, tmp_path):
  made_up.write(tmp_path / 'b')
  file = tmp_path / 'b' / 'evaluation' / 'test' / 'metrics.json'
  file.write_text(json.dumps({**json.loads(file.read_text()), 'split_sha256': 'other'}))
  text = render(run, tmp_path / 'b')
  assert text.count('Figures of merit of models and trivial guesses') == 2
  assert 'measured on other images: b.' in plain(text)
  assert 'PSNR, b' not in rows_of(text, 'Figures of merit of single images')[0]


def test_names_are_escaped(tmp_path):
  folder = tmp_path / '<img src=x onerror=alert(1)>'
  made_up.write(folder)
  made_up.rewrite(folder, lambda rows: rows[0].update(id='"><script>alert(2)</script>'))
  text = render(folder, n=N)
  assert '<img src=x' not in text and '<script>alert' not in text
  assert plain(text).count('"><script>alert(2)</script>') == 2


def test_undefined_figures(run):
  made_up.rewrite(run, lambda rows: [row.update(psnr='nan', ssim='inf') for row in rows])
  file = run / 'evaluation' / 'test' / 'metrics.json'
  content = json.loads(file.read_text())
  content['model'].update(dict.fromkeys(content['model']))
  file.write_text(json.dumps(content))
  text = render(run)
  images = rows_of(text, 'Figures of merit of single images')
  assert images[1][images[0].index('PSNR')] == '-' and '∞' in images[1]
  assert 'Nothing could be measured' in text


@pytest.mark.parametrize(
  'name, content',
  [
    ('config.json', None),
    ('config.json', '{}'),
    ('metrics.csv', 'step,epoch\n1,x\n'),
    ('metrics.csv', b'\xff\xfe\x00'),
    ('evaluation/test/metrics.json', '{'),
    ('evaluation/test/metrics.json', '{}'),
    ('evaluation/test/metrics.json', '[]'),
    ('evaluation/test/per_image.csv', 'id,sequence,psnr\n'),
    ('evaluation/test/per_image.csv', None),
    ('evaluation/test/gallery/000003.png', b'no picture'),
    ('samples/step_00000010.png', b'no picture'),
  ],
)
def test_damaged_files_are_named(run, name, content):
  (run / 'samples').mkdir()
  if content is None:
    (run / name).unlink()
  else:
    (run / name).write_bytes(content if isinstance(content, bytes) else content.encode())
  with pytest.raises(UserError, match=re.escape(name.rpartition('/')[2])):
    render(run, n=N)


def test_a_gallery_of_another_kind_is_named(run):
  PIL.Image.new('RGB', (10, 4)).save(run / 'evaluation' / 'test' / 'gallery' / '000003.png')
  with pytest.raises(UserError, match='000003.png is not a strip'):
    render(run, n=N)


def test_the_same_run_twice_is_refused(run):
  with pytest.raises(UserError, match='twice'):
    reader.read([run, run.parent / '.' / 'run'], 'test')


def test_thousands_of_images(run):
  file = run / 'evaluation' / 'test' / 'per_image.csv'
  header, row, *_ = file.read_text().splitlines()
  file.write_text(
    '\n'.join([header, *(row.replace('image0', f'image{i}') for i in range(3000))]) + '\n'
  )
  text = render(run)
  assert len(rows_of(text, 'Figures of merit of single images')) == 2001
  assert 'The first 2000 of 3000 images' in text


def test_the_light_page_has_progress_curves_and_samples_alone(run):
  (run / 'samples').mkdir()
  for step in (10, 20):
    PIL.Image.new('RGB', (30, 20), (step, 0, 0)).save(run / 'samples' / f'step_{step:08}.png')
  config = config_lib.from_json((run / 'config.json').read_text(), '')
  assert config.train.epochs == 3 and config.train.batch_size == 16
  splits = {'splits': {'train': {'rgb': 170, 'ir': 310}}}
  (run / 'data.json').write_text(json.dumps(splits))
  (run / 'metrics.csv').write_text(
    'step,epoch,cycle_ir,images_per_second\n10,0.5,1.0,4\n20,1.0,0.5,8\n'
  )
  run_page.refresh(run)
  text = (run / 'report.html').read_text()
  # 310 images are 20 steps of 16, three times: 40 are left, 640 images at 8 a second.
  assert 'Step 20 of 60, epoch 1, 8 images/s, 1m20s of training left' in plain(text)
  assert text.count('data:image/jpeg') == 1 and 'after step 20' in text
  assert 'id="results"' not in text and 'cycle, IR: 0.5' in text
  assert not list(run.glob('.*tmp'))


def test_the_light_page_before_the_first_row(run):
  for name in ('metrics.csv', 'validation.csv'):
    (run / name).unlink()
  run_page.refresh(run)
  assert 'No step logged yet' in (run / 'report.html').read_text()


def test_a_full_disk_does_not_end_training(run, monkeypatch):
  def full(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(run_page.files, 'write_text', full)
  run_page.refresh(run)
  with pytest.raises(UserError, match='No space left'):
    run_page.write([run], run / 'x.html', 'test', 1)


@pytest.mark.parametrize(
  'n, expected',
  [(0, []), (1, [0, 4]), (3, [0, 4, 7, 9]), (10, list(range(10))), (24, list(range(10)))],
)
def test_which_examples_are_kept(n, expected):
  # The best is 4, the worst 7; the others are evenly spread.
  assert gallery.chosen(np.array([4, 0, 1, 2, 3, 5, 6, 8, 9, 7]), n) == expected
