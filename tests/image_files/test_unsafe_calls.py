"""Nothing that the program reads can run code."""

import ast
import pathlib

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Calls that run, or may run, what is in a file.
RUNS_CODE = {'eval', 'exec', 'compile', '__import__'}
UNSAFE_MODULES = {
  'pickle',
  'cPickle',
  '_pickle',
  'dill',
  'cloudpickle',
  'joblib',
  'marshal',
  'shelve',
  'yaml',
  'jsonpickle',
}
# It makes nothing but text, numbers, lists and mappings.
SAFE = {'yaml.safe_load'}
# What processes of one run tell each other, which run the same program; no file is read so.
BETWEEN_PROCESSES = {('distributed.py', f'pickle.{name}') for name in ('loads', 'dumps')}


def unsafe(node):
  """Whether a call or an import may run what is in a file."""
  if isinstance(node, ast.ImportFrom):
    return node.module and node.module.split('.')[0] in UNSAFE_MODULES
  if not isinstance(node, ast.Call):
    return False
  name = ast.unparse(node.func)
  module, _, function = name.rpartition('.')
  given_ = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
  if name == 'torch.load':
    return given_.get('weights_only') != 'True'
  if name in SAFE:
    return False
  return (
    name in RUNS_CODE
    or module.split('.')[0] in UNSAFE_MODULES
    or function == 'read_pickle'
    or given_.get('allow_pickle', 'False') != 'False'
  )


@pytest.mark.parametrize(
  'bad',
  [
    'eval(x)',
    'pickle.load(f)',
    'yaml.load(f)',
    'yaml.unsafe_load(f)',
    'np.load(f, allow_pickle=True)',
    'torch.load(f)',
    'torch.load(f, weights_only=False)',
    'from pickle import loads',
    'exec(x)',
  ],
)
def test_unsafe_calls_are_seen(bad):
  assert any(unsafe(node) for node in ast.walk(ast.parse(bad)))


def test_nothing_that_is_read_can_run_code():
  for package in ('cyclegan_jax', 'datasets', 'experiments'):
    files = sorted((REPOSITORY / package).rglob('*.py'))
    assert files
    for file in files:
      found = [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if unsafe(node)
        and (file.name, ast.unparse(getattr(node, 'func', node))) not in BETWEEN_PROCESSES
      ]
      assert not found, f'{file}:{found[0].lineno}'
