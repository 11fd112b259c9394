"""Every flag that a text of the program names exists, and a value that it advises is allowed."""

import ast
import re

import pytest

from cyclegan_jax import settings
from cyclegan_jax.option import Bounds
from datasets import registry
from tests.conftest import REPOSITORY

FOLDERS = ('cyclegan_jax', 'datasets', 'experiments')
# Flags of other programs that texts name, and words for any flag.
FOREIGN = {
  *('gpus-per-task', 'cpus-per-task', 'ntasks', 'requeue', 'signal'),  # Slurm.
  *('abbrev', 'always', 'dirty'),  # Git.
  *('input-dir', 'output-dir'),  # dji-thermal-cli.
  *('flag', 'flags'),
  *('helpshort', 'xla_force_host_platform_device_count', 'editable', 'version', 'help', 'helpfull'),
}
_FLAG = re.compile(r'(?<![\w-])--(?P<name>[a-zA-Z][\w-]*)(?:=(?P<value>[^\s,;:)"\'`\]]+))?')
# In place of what an f-string fills in.
_HOLE = '\0'


def _sources():
  for folder in FOLDERS:
    for path in sorted((REPOSITORY / folder).rglob('*.py')):
      yield path, ast.parse(path.read_text())


def _text(node):
  if isinstance(node, ast.Constant):
    return node.value if isinstance(node.value, str) else ''
  if isinstance(node, ast.JoinedStr):
    return ''.join(_text(part) if isinstance(part, ast.Constant) else _HOLE for part in node.values)
  return ''


def _texts(tree):
  """All strings but docstrings, with a hole for whatever is filled in."""
  passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
  for node in ast.walk(tree):
    if isinstance(node, ast.JoinedStr):
      passed |= {id(part) for part in node.values}
      passed |= {id(part) for part in ast.walk(node) if isinstance(part, ast.JoinedStr)} - {
        id(node)
      }
  for node in ast.walk(tree):
    if isinstance(node, ast.expr) and id(node) not in passed and (text := _text(node)):
      yield node.lineno, text


def _declared():
  """The flags of all commands -> a list of allowed values, Bounds, or None for anything."""
  flags = {'preset': None, 'emsn': (True, False), 'flagfile': None}
  for _, tree in _sources():
    for node in ast.walk(tree):
      name = getattr(getattr(node, 'func', None), 'attr', '') if isinstance(node, ast.Call) else ''
      if not name.startswith('DEFINE_') or not isinstance(node.args[0], ast.Constant):
        continue
      allowed = None
      if name == 'DEFINE_boolean':
        allowed = (True, False)
      if name == 'DEFINE_enum' and isinstance(node.args[2], ast.List):
        parts = [part for part in node.args[2].elts if isinstance(part, ast.Constant)]
        allowed = tuple(p.value for p in parts) if len(parts) == len(node.args[2].elts) else None
      flags[node.args[0].value] = allowed
  for name in (*settings.fields(), *registry.OPTIONS):
    fields = registry.declarations(name).values()
    allowed = [field.metadata['allowed'] for field in fields]
    if isinstance(registry.default(name), bool):
      flags[name] = (True, False)
    elif all(isinstance(values, tuple) for values in allowed):
      flags[name] = tuple(value for values in allowed for value in values)
    else:
      flags[name] = allowed[0]
  return flags


DECLARED = _declared()


def _wrong(name, value):
  """What is wrong with a flag and its advised value; ''."""
  if name in FOREIGN:
    return ''
  known = DECLARED.get(name)
  if name not in DECLARED:
    switch = DECLARED.get(name.removeprefix('no')) == (True, False)
    return '' if switch and value is None else 'there is no such flag'
  value = (value or '').rstrip('.')
  if not value or _HOLE in value or value.isupper():  # The user, or the program, fills it in.
    return ''
  if known == (True, False):
    return 'a switch takes no value'
  if isinstance(known, Bounds):
    numbers = [float(side) for side in value.split('x') if re.fullmatch(r'-?[\d.]+', side)]
    return '' if all(number in known for number in numbers) else f'outside: {known}'
  if isinstance(known, tuple):
    return '' if value in map(str, known) else f'not one of {known}'
  return ''


def test_the_check_sees_what_is_wrong():
  assert _wrong('no_such', None) and _wrong('resize', 'nearest') and _wrong('dropout', '1.5')
  assert _wrong('flip', 'yes') and _wrong('split', 'holdout') and _wrong('noresize', None)
  for name, value in (('resize', 'area'), ('noflip', None), ('batch_size', '8'), ('pairs', 'none')):
    assert not _wrong(name, value), (name, value)


@pytest.mark.parametrize('folder', FOLDERS)
def test_every_flag_in_a_text_exists_and_allows_the_value(folder):
  found, problems = 0, []
  for path, tree in _sources():
    if path.relative_to(REPOSITORY).parts[0] != folder:
      continue
    for line, text in _texts(tree):
      for match in _FLAG.finditer(text):
        if f'--{match["name"]}' == '--no' or text[match.end() : match.end() + 1] == _HOLE:
          continue  # The name itself is filled in.
        found += 1
        if problem := _wrong(match['name'], match['value']):
          problems.append(f'{path.relative_to(REPOSITORY)}:{line}: {match[0]}: {problem}')
  assert found > 20 and not problems, '\n'.join(problems)
