"""The commands in the documentation: where outputs go, and what a beginner is asked to type."""

import re
import subprocess

import pytest

from tests.conftest import REPOSITORY

_PAGES = [
  'README.md',
  'docs/tutorial.md',
  *(f'docs/how-to/{p.name}' for p in sorted((REPOSITORY / 'docs' / 'how-to').glob('*.md'))),
]
_FENCE = re.compile(r'^ *```sh$(.*?)^ *```$', re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r'(?:--(?:output|workdir|data_dir)=| > )([A-Za-z0-9_./-]+)')


def commands(page):
  text = (REPOSITORY / page).read_text()
  return '\n'.join(_FENCE.findall(text)).replace('\\\n', ' ')


def test_outputs_are_ignored_by_git():
  outputs = {found for page in _PAGES for found in _OUTPUT.findall(commands(page))}
  # RUN stands for a run folder of the user, - for a stream; other places are outside.
  # hf is the beginning of an address.
  outputs = {one for one in outputs if one not in ('RUN', '-', 'hf') and not one.startswith('/')}
  assert {'checked', 'IR', 'runs/photos', 'model.onnx'} <= outputs
  if not (REPOSITORY / '.git').exists():
    pytest.skip('not a checkout')
  # As folders: patterns such as /IR/ match folders only, and these need not exist.
  for output in sorted(outputs):
    names = [output] if '.' in output.rpartition('/')[2] else [f'{output}/file']
    result = subprocess.run(['git', 'check-ignore', '-q', *names], cwd=REPOSITORY)
    assert result.returncode == 0, output


@pytest.mark.parametrize('page', ['README.md', 'docs/tutorial.md', 'docs/how-to/own-data.md'])
def test_a_beginner_types_no_emsn(page):
  """It changes nothing (docs/explanation/emsn-and-pairs.md); the paper's own commands have it."""
  own = [line for line in commands(page).splitlines() if 'PHOTOS' in line or 'flags' in line]
  assert own and not any('--emsn' in line for line in own)
  assert page != 'README.md' or '--dataset=osu --paired --emsn' in commands(page)
