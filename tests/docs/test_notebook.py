"""The notebook runs from its first cell to its last, with a small run on a few pairs."""

import json
import os
import shutil
import sys

import pytest

from tests import compiler
from tests.conftest import REPOSITORY

FILE = REPOSITORY / 'docs' / 'notebooks' / 'first_model.ipynb'
# What makes it small.
TINY = """
SETTINGS = dict(
  preset='regression', dataset='folder', source_dir='PHOTOS', data_dir='data', image_size=16,
  base_width=4, n_downsampling=3, batch_size=4, steps=2
)
RUNS = 'runs'
"""


@pytest.fixture
def notebook():
  """The notebook, with TINY as its parameters."""
  nbformat = pytest.importorskip('nbformat', reason='needs the extra notebook')
  found = nbformat.read(FILE, as_version=4)
  nbformat.validate(found)
  (cell,) = (cell for cell in found.cells if 'parameters' in cell.metadata.get('tags', ()))
  cell.source = TINY
  return found


def test_it_is_kept_without_outputs(notebook):
  code = [cell for cell in notebook.cells if cell.cell_type == 'code']
  assert code and not any(cell.outputs or cell.execution_count for cell in code)


def test_the_first_cell_takes_a_wheel_and_else_says_what_to_do(tmp_path, monkeypatch):
  cells = json.loads(FILE.read_text())['cells']
  first = next(cell['source'] for cell in cells if cell['cell_type'] == 'code')
  code = ''.join(first).replace('%pip install --quiet {program}', 'asked.append(program)')
  monkeypatch.chdir(tmp_path)
  monkeypatch.setitem(sys.modules, 'cyclegan_jax', None)  # It cannot be imported.
  asked = []
  for wheel in ('', 'cyclegan_jax-0.2.0-py3-none-any.whl'):
    (tmp_path / (wheel or 'first_model.ipynb')).touch()
    with pytest.raises(ImportError, match='`pip wheel --no-deps .`, put the file'):
      exec(code, {'asked': asked})
  assert asked == ['cyclegan-jax', wheel]


@pytest.mark.slow
def test_it_runs(notebook, pairs, tmp_path, monkeypatch):
  nbclient = pytest.importorskip('nbclient', reason='needs the extra notebook')
  pytest.importorskip('ipykernel', reason='needs the extra notebook')
  shutil.copytree(pairs, tmp_path / 'PHOTOS')
  path = [str(REPOSITORY), *filter(None, [os.environ.get('PYTHONPATH')])]
  monkeypatch.setenv('PYTHONPATH', os.pathsep.join(path))
  monkeypatch.setenv('XLA_FLAGS', compiler.xla_flags())
  resources = {'metadata': {'path': str(tmp_path)}}
  nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
  shown = [output.get('data', {}) for cell in notebook.cells for output in cell.get('outputs', ())]
  tables = [data['text/html'] for data in shown if 'text/html' in data]
  # The run twice, before and after it was measured, and the comparison.
  trained, measured, compared = tables
  assert 'luminance' not in trained and '<td>luminance</td>' in measured
  assert 'src="data:image/png;base64,' in measured
  assert '<td>crops</td>' in compared and '<td>whole</td>' in compared
  assert sum('image/png' in data for data in shown) == 2
