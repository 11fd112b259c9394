"""The documentation: generated pages, limits of the README, and the built site."""

import importlib.util
import re
import subprocess
import sys

import pytest

from cyclegan_jax import presets, settings
from cyclegan_jax.option import Bounds
from datasets import registry
from tests.conftest import REPOSITORY

# A link of Markdown to a file of the repository, and what holds no links.
_LINK = re.compile(r'\]\((?![a-z]+:)([^)#\s]+)')
_CODE = re.compile(r'^```.*?^```|`[^`\n]+`', re.MULTILINE | re.DOTALL)
# What a browser fetches by itself.
_FETCHED = re.compile(r'<(?:script|img|iframe|source)[^>]* src="(?:https?:)?//[^"]+"')
_LINKED = re.compile(r'<link[^>]* href="(?:https?:)?//[^"]+"')
_IMPORTED = re.compile(r'@import|url\(["\']?(?:https?:)?//')


@pytest.fixture(scope='module')
def hooks():
  pytest.importorskip('mkdocs', reason='pip install -e ".[docs]"')
  spec = importlib.util.spec_from_file_location('hooks', REPOSITORY / 'docs' / 'hooks.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_the_page_of_settings_has_every_setting(hooks):
  page = '\n'.join(hooks._settings())
  for name in (*settings.fields(), *registry.OPTIONS):
    entry = page.partition(f'{{ #{name} }}')[2].partition('###')[0]
    for dataset, field in registry.declarations(name).items():
      assert field.metadata['follows'] or f'Default: {hooks._shown(field.default)}\n' in entry
      assert f'Affects: {hooks._AFFECTS[field.metadata["affects"]]}\n' in entry
      assert not dataset or f'`{dataset}`' in entry
      allowed = field.metadata['allowed']
      if isinstance(allowed, Bounds):
        assert f'{allowed}\n' in entry
      for choice in allowed if isinstance(allowed, tuple) else ():
        assert f'`{choice}`' in entry


def test_the_page_of_presets_has_what_they_change(hooks):
  page = '\n'.join(hooks._presets())
  assert '| setting | ' + ' | '.join(f'`{name}`' for name in presets.PRESETS) + ' |' in page
  for values in presets.PRESETS.values():
    for name, value in values.items():
      if settings.fields()[name][1].default != value:
        assert f'settings.md#{name}' in page


def test_the_page_of_commands_has_every_command(hooks):
  page = (REPOSITORY / 'docs' / 'reference' / 'commands.md').read_text()
  for file in (REPOSITORY / 'experiments').glob('*.py'):
    if "__name__ == '__main__'" in file.read_text():
      assert f'| `experiments.{file.stem}` |' in page


def test_links_between_files_work_without_the_site():
  for pattern in ('*.md', 'datasets/*/*.md', 'docs/**/*.md', 'results/**/*.md'):
    for file in REPOSITORY.glob(pattern):
      for target in _LINK.findall(_CODE.sub('', file.read_text())):
        assert (file.parent / target).exists(), f'{file}: {target}'


def test_readme_is_short():
  text = (REPOSITORY / 'README.md').read_text()
  assert len(text.splitlines()) <= 170
  assert len(text.split()) <= 1100


@pytest.mark.slow
def test_the_site_builds_and_asks_for_nothing_from_outside(hooks, tmp_path):
  command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', f'--site-dir={tmp_path}']
  result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
  assert result.returncode == 0, result.stderr
  pages = list(tmp_path.rglob('*.html'))
  assert tmp_path / 'index.html' in pages
  for page in pages:
    text = page.read_text()
    assert not _FETCHED.findall(text) + _LINKED.findall(text), page
  for style in tmp_path.rglob('*.css'):
    assert not _IMPORTED.search(style.read_text()), style
