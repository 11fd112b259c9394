"""The build: in a wheel, datasets and experiments lie inside cyclegan_jax, under names of its own.

A top-level `datasets` in site-packages would hide that of Hugging Face. So the imports of the
copies in the wheel are rewritten, and texts for users name the command of the wheel,
`cyclegan-jax train` in place of `python -m experiments.train`. All else is in setup.cfg.
"""

import ast
import pathlib
import re

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

MOVED = {'datasets': 'cyclegan_jax._datasets', 'experiments': 'cyclegan_jax._commands'}
_COMMANDS = [
  path.stem
  for path in pathlib.Path('experiments').glob('*.py')
  if "__name__ == '__main__'" in path.read_text(encoding='utf-8')
]
_TEXTS = (
  (re.compile(r'python -m experiments\.'), 'cyclegan-jax '),
  (re.compile(rf'\bexperiments\.({"|".join(_COMMANDS)})\b'), r'cyclegan-jax \1'),
  (re.compile(r'pip install -e "\.\[(\w+)\]"'), r'pip install "cyclegan-jax[\1]"'),
)


def rewritten(text: str, name: str) -> str:
  """Returns the text of a file as it is in a wheel; SyntaxError if an import cannot be moved."""
  lines = text.splitlines(keepends=True)
  for number in _imports(text, name):
    lines[number - 1] = _moved(lines[number - 1])
  text = ''.join(lines)
  for pattern, replacement in _TEXTS:
    text = pattern.sub(replacement, text)
  if left := list(_imports(text, name)):
    raise SyntaxError(f'{name}: line {left[0]} imports what a wheel does not have')
  return text


def _imports(text: str, name: str) -> list[int]:
  """The numbers of the lines that import what moves."""
  found = []
  for node in ast.walk(ast.parse(text, name)) if name.endswith('.py') else ():
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and not node.level:
      names = [node.module or '']
    if any(name.partition('.')[0] in MOVED for name in names):
      found.append(node.lineno)
  return found


def _moved(line: str) -> str:
  """A line that imports, with the new name of the package."""
  for old, new in MOVED.items():
    package, _, last = new.rpartition('.')
    line = re.sub(rf'^(\s*)import {old}$', rf'\1from {package} import {last} as {old}', line)
    line = re.sub(rf'^(\s*)from {old}\b', rf'\1from {new}', line)
  return line


class Moved(build_py):
  """Copies the packages, then rewrites the copies."""

  def run(self) -> None:
    """Builds; an editable install reads the checkout itself, and copies nothing."""
    super().run()
    if self.editable_mode:
      return
    for path in sorted(pathlib.Path(self.build_lib, 'cyclegan_jax').rglob('*')):
      if path.suffix in ('.py', '.md', '.html'):
        before = path.read_text(encoding='utf-8')
        if (after := rewritten(before, str(path))) != before:
          path.write_text(after, encoding='utf-8')


def _packages() -> list[str]:
  """All packages by their names in a wheel."""
  found = find_packages(include=['cyclegan_jax', 'cyclegan_jax.*'])
  for old, new in MOVED.items():
    found += [new + name.removeprefix(old) for name in find_packages(include=[old, f'{old}.*'])]
  return found


if __name__ == '__main__':
  setup(
    packages=_packages(),
    package_dir={new: old for old, new in MOVED.items()},
    cmdclass={'build_py': Moved},
  )
