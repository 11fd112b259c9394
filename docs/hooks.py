"""MkDocs hooks: generated parts of the reference, and links to files outside docs/.

Settings, presets and `--help` texts come from the code, so that they cannot differ from it; they
follow what docs/reference/ says about them. Files that GitHub shows in their own places (README,
results, data sets) become pages too: Markdown links between them are relative to the repository,
and are rewritten here for the site. MkDocs warns of a link to a file that is not on the site, and
`--strict` turns warnings into errors.
"""

from collections.abc import Callable, Iterator, Mapping
import dataclasses
import json
import pathlib
import posixpath
import re
import subprocess
import sys

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from cyclegan_jax import presets, settings
from cyclegan_jax.option import Bounds
from datasets import registry

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_DOCS = 'docs'
# Files outside docs/ that become part of the site, as patterns.
_OUTSIDE = (
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'datasets/*/README.md',
  'results/**/*.*',
)
# The page that a file becomes, where that is not its own path.
_RENAMED = {'README.md': 'index.md'}
_API = 'reference/api'
_NOTEBOOK = 'notebooks/first_model'
_LINK = re.compile(r'(\]\()([^)\s#]+)(#[^)\s]*)?(\))')
_EXTERNAL = re.compile(r'[a-z]+:', re.IGNORECASE)
_FLAG = re.compile(r'(--\w+(?:=[\w.:+-]*\w)?)')
_MARKUP = re.compile(r'[*_<>`]')
_FENCE = re.compile(r'^(```|~~~).*?^\1', re.MULTILINE | re.DOTALL)
# What a setting changes, see cyclegan_jax/option.py.
_AFFECTS = {
  'pixels': 'the images that models are measured on, so compared runs and a resumed run must agree',
  'training': 'training steps, so a resumed run must agree',
  'checkpoint': 'when training ends and which checkpoint is the best; a resumed run may change it',
  'nothing': 'no result; a resumed run may change it',
}


def on_config(config: MkDocsConfig) -> None:
  """Puts the packages of the Python API into the navigation."""
  for section in config.nav:
    for entry in section.get('Reference', ()):
      if isinstance(entry, dict) and 'Python API' in entry:
        entry['Python API'] += [{name: f'{_API}/{name}.md'} for name in _packages()]


def on_files(files: Files, config: MkDocsConfig) -> None:
  """Adds the pages of the Python API and of the notebook, and the files outside docs/."""
  for name in _packages():
    files.append(File.generated(config, f'{_API}/{name}.md', content=_api_page(name)))
  files.append(File.generated(config, f'{_NOTEBOOK}.md', content=_notebook_page()))
  for path in _outside():
    uri = _RENAMED.get(path, path)
    files.append(File.generated(config, uri, abs_src_path=str(_ROOT / path)))


def on_page_markdown(markdown: str, page: Page, files: Files, **_) -> str:
  """Adds what is generated, and makes links between files links between pages of the site."""
  uri = page.file.src_uri
  if uri in _GENERATED:
    markdown += '\n' + '\n'.join(_GENERATED[uri]()) + '\n'
  places = {_RENAMED.get(path, path): path for path in _outside()}
  folder = posixpath.dirname(places.get(uri, posixpath.join(_DOCS, uri)))
  published = {path: site for site, path in places.items()}

  def rewritten(link: re.Match[str]) -> str:
    target = link[2]
    if _EXTERNAL.match(target):
      return link[0]
    path = posixpath.normpath(posixpath.join(folder, target))
    site = published.get(path, path.removeprefix(f'{_DOCS}/'))
    if files.get_file_from_path(site) is None:
      return link[0]  # MkDocs warns of it.
    relative = posixpath.relpath(site, posixpath.dirname(uri) or '.')
    return f'{link[1]}{relative}{link[3] or ""}{link[4]}'

  parts, end = [], 0
  for fence in _FENCE.finditer(markdown):
    parts += [_LINK.sub(rewritten, markdown[end : fence.start()]), fence[0]]
    end = fence.end()
  return ''.join([*parts, _LINK.sub(rewritten, markdown[end:])])


def _outside() -> list[str]:
  """The files outside docs/, relative to the repository."""
  found = [path for pattern in _OUTSIDE for path in sorted(_ROOT.glob(pattern))]
  return [path.relative_to(_ROOT).as_posix() for path in found]


def _packages() -> list[str]:
  """The packages of the API: the library's, its single modules together, and the data sets."""
  found = sorted((_ROOT / 'cyclegan_jax').glob('*/__init__.py'))
  return ['cyclegan_jax', *(f'cyclegan_jax.{path.parent.name}' for path in found), 'datasets']


def _api_page(name: str) -> str:
  """A page about a package with all its modules; the topmost ones without their packages."""
  topmost = '.' not in name
  submodules = 'false' if topmost else 'true'
  options = f'    options: {{show_root_heading: false, show_submodules: {submodules}}}'
  modules = sorted((_ROOT / name).glob('[!_]*.py')) if topmost else []
  blocks = [f'::: {name}\n{options}', *(f'::: {name}.{path.stem}' for path in modules)]
  return f'# {name}\n\n' + '\n\n'.join(blocks) + '\n'


def _notebook_page() -> str:
  """The cells of the notebook, and a link to it."""
  file = _ROOT / _DOCS / f'{_NOTEBOOK}.ipynb'
  title, *parts = (
    text if kind == 'markdown' else f'```python\n{text}\n```'
    for kind, text in (
      (cell['cell_type'], ''.join(cell['source'])) for cell in json.loads(file.read_text())['cells']
    )
  )
  link = f'[{file.name}]({file.name}) is this page as a notebook.'
  return '\n\n'.join([title, link, *parts]) + '\n'


def _settings() -> Iterator[str]:
  """Every setting of a run, by section, and every option of a data set, from their metadata."""
  for section, cls in settings.SECTIONS.items():
    yield from (f'## {section.capitalize()}', '', cls.__doc__.partition('\n\n')[0], '')
    for field in dataclasses.fields(cls):
      if field.name in settings.fields():
        yield from _setting(field.name)
  yield from (
    '## Options of single data sets',
    '',
    'Only the data sets named have them, and they are refused with any other. In `config.json` '
    'they are in `options` of the section `data`, and in the code in `datasets/registry.py`.',
    '',
  )
  for name in registry.OPTIONS:
    yield from _setting(name)


def _setting(name: str) -> Iterator[str]:
  """Heading, help text and facts of a setting or option."""
  declared = registry.declarations(name)
  field = next(iter(declared.values()))
  # Switches have a negative form.
  typed = f'[no]{name}' if isinstance(field.default, bool) else name
  yield from (f'### `--{typed}` {{ #{name} }}', '')
  yield from ('\n\n'.join(_each(declared, lambda one: _markdown(one.metadata['help']))), '')
  yield f'- Default: {_markdown(field.metadata["follows"]) or _shown(field.default)}'
  for text in _each(declared, _allowed):
    yield f'- Allowed: {text}'
  if '' not in declared:
    yield '- Data sets: ' + ', '.join(f'`{dataset}`' for dataset in declared)
  yield f'- Affects: {_AFFECTS[field.metadata["affects"]]}'
  if field.metadata['per_process']:
    yield '- May differ between processes that train together'
  if field.metadata['place']:
    yield '- Private: model cards and exported files leave it out'
  yield ''


def _each(
  declared: Mapping[str, dataclasses.Field], text_of: Callable[[dataclasses.Field], str]
) -> Iterator[str]:
  """A text once if all data sets share it; otherwise each one after its data sets."""
  by_text: dict[str, list[str]] = {}
  for dataset, field in declared.items():
    by_text.setdefault(text_of(field), []).append(f'`{dataset}`')
  for text, names in by_text.items():
    if text:
      yield text if len(by_text) == 1 else f'{", ".join(names)}: {text}'


def _allowed(field: dataclasses.Field) -> str:
  """The values that a setting may have, or '' where anything goes or other settings decide."""
  names = {'dataset': tuple(registry.DATASETS), 'preset': tuple(presets.PRESETS)}
  allowed = names.get(field.name, field.metadata['allowed'])
  if isinstance(allowed, Bounds):
    return f'{"two numbers" if isinstance(field.default, tuple) else "a number"} {allowed}'
  return ', '.join(f'`{choice}`' for choice in allowed or ())


def _shown(value: object) -> str:
  """A setting's value as it is typed; what is empty or a switch says so."""
  if isinstance(value, bool):
    return 'on' if value else 'off'
  return 'empty' if value in (None, '') else f'`{settings.format_value(value)}`'


def _markdown(text: str) -> str:
  """A help text as Markdown: flags as code, and nothing else as markup."""
  parts = _FLAG.split(text)  # Every second one is a flag.
  return ''.join(
    f'`{part}`' if i % 2 else _MARKUP.sub(r'\\\g<0>', part) for i, part in enumerate(parts)
  )


def _presets() -> Iterator[str]:
  """The settings in which presets differ, as a table."""
  default = {name: field.default for name, (_, field) in settings.fields().items()}
  made = {name: {**default, **values} for name, values in presets.PRESETS.items()}
  yield '| setting | ' + ' | '.join(f'`{name}`' for name in made) + ' |'
  yield '|---|' + '---|' * len(made)
  for name in default:
    if any(values[name] != default[name] for values in made.values()):
      cells = ' | '.join(_shown(values[name]) for values in made.values())
      yield f'| [`--{name}`](settings.md#{name}) | {cells} |'


def _commands() -> Iterator[str]:
  """The help text of each command."""
  for file in sorted((_ROOT / 'experiments').glob('*.py')):
    if "__name__ == '__main__'" in file.read_text():
      command = [sys.executable, '-m', f'experiments.{file.stem}', '--help']
      text = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout
      yield from (f'## {file.stem}', '', '```text', text.strip(), '```', '')


# What follows the text of a page.
_GENERATED = {
  'reference/settings.md': _settings,
  'reference/presets.md': _presets,
  'reference/commands.md': _commands,
}
