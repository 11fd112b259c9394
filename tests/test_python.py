"""What commands do, from Python: the examples of docs/how-to/python.md, and what is refused."""

import json
import re
import shutil

import pytest

import cyclegan_jax
from cyclegan_jax import packages
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import reader
from datasets import registry
from tests.comparison import made_up
from tests.conftest import REPOSITORY

_BLOCK = re.compile(r'```python\n(.*?)```', re.DOTALL)
# What makes an example small.
TINY = dict(
  preset='regression', image_size=16, base_width=4, n_downsampling=3, batch_size=4, steps=2
)


def examples():
  """The code of the section on commands."""
  text = (REPOSITORY / 'docs' / 'how-to' / 'python.md').read_text()
  return _BLOCK.findall(text.partition('## What commands do')[2].partition('\n## ')[0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """The working folder."""
  monkeypatch.chdir(tmp_path)
  return tmp_path


@pytest.mark.slow
def test_the_examples_run(pairs, folder, data_dir, capsys):
  shutil.copytree(pairs, folder / 'PHOTOS')
  names = {'TINY': {**TINY, 'data_dir': data_dir}}
  for code in examples():
    if 'compare(' in code:
      continue
    exec(code.replace('paired=True)', 'paired=True, **TINY)'), names)
  run = names['run']
  assert run.step == 2 and run.folder.resolve() == folder / 'runs' / 'photos'
  assert 'Trained 2 steps' in capsys.readouterr().out
  measured = json.loads((run.folder / 'evaluation' / 'test' / 'metrics.json').read_text())
  assert run.measured.content['model'] == measured['model']
  for output, suffix in (('IR', 'png'), ('IR16', 'tif')):
    assert len(list((folder / output).glob(f'*.{suffix}'))) == 12
  assert names['difference'].largest <= 1 and (folder / 'photos.stablehlo').exists()
  page = run._repr_html_()
  assert '<td>luminance</td>' in page and 'src="data:image/png;base64,' in page
  assert cyclegan_jax.open_dataset(run).pairs('test') == measured['n']


@pytest.mark.slow
def test_the_example_of_a_comparison_reports_finished_runs(folder):
  source = folder / 'PHOTOS'
  source.mkdir()
  for label, paired in (('paired', True), ('unpaired', False)):
    for seed in range(6):
      settings = dict(dataset='folder', source_dir=str(source), paired=paired, epochs=3, seed=seed)
      config = registry.configuration({'preset': 'udacity', **settings})
      run = folder / 'runs' / 'compared' / 'runs' / label / f'seed{seed}'
      made_up.write(run, config, 22 if paired else 20, pictures=False)
  (code,) = (code for code in examples() if 'compare(' in code)
  names = {'cyclegan_jax': cyclegan_jax}
  exec(code.replace("source_dir='PHOTOS',", "source_dir='PHOTOS', epochs=3,"), names)
  comparison = names['comparison']
  assert comparison.sentences[-1].startswith('paired against unpaired: better by 2.00 dB PSNR')
  assert comparison.table[1][:2] == ['paired', '6']
  assert '<td>paired</td><td>6</td>' in comparison._repr_html_()
  with pytest.raises(UserError, match="^Unknown command line flag 'nosuch'"):
    cyclegan_jax.compare('runs/other', seeds=[0], dataset='folder', nosuch=1, log=lambda line: None)


def test_mistakes(folder):
  with pytest.raises(UserError, match='nosuch: there is no such setting'):
    cyclegan_jax.train('run', dataset='folder', nosuch=1)
  with pytest.raises(UserError, match='not a run folder'):
    cyclegan_jax.evaluate('run')
  with pytest.raises(UserError, match=r'ends in \.onnx or \.stablehlo'):
    cyclegan_jax.export('run', 'model.pb')
  assert not list(folder.iterdir())


def test_settings_are_those_of_flags():
  found = registry.configuration({'preset': 'demo', 'extra_scenes': 3, 'emsn': True})
  assert found.data.dataset == 'synthetic' and found.data.options == {'extra_scenes': 3}
  assert found.data.normalization == 'emsn'
  assert registry.configuration({'preset': 'demo'}).data.options == {'extra_scenes': 200}


def test_a_run_is_shown_as_html(tmp_path):
  made_up.write(tmp_path / 'a<b', made_up.config(base_width=32), best_metric='psnr')
  (tmp_path / 'a<b' / 'samples').mkdir()
  for step in (10, 20):
    (tmp_path / 'a<b' / 'samples' / f'step_{step:08}.png').write_bytes(b'%d' % step)
  (run,) = reader.read([tmp_path / 'a<b'], 'test')
  page = run._repr_html_()
  assert '<h4>Run a&lt;b</h4>' in page and 'base_width=32' in page
  assert '<td>mean image</td><td>15.00</td>' in page and '<td>some guess</td>' in page
  assert page.count('<img') == 1 and 'base64,MjA=' in page


def test_without_the_checkout_the_cure_is_said(monkeypatch):
  def missing(name):
    raise ModuleNotFoundError(name='experiments')

  monkeypatch.setattr(packages.importlib, 'import_module', missing)
  with pytest.raises(UserError, match=f'PYTHONPATH={re.escape(str(REPOSITORY))}'):
    cyclegan_jax.train('run')
