"""The command `cyclegan-jax`, which runs all others by their names."""

import ast
import importlib.metadata
import runpy
import sys

from cyclegan_jax import packages

_USAGE = 'Usage: cyclegan-jax COMMAND --flag=value ...'


def main() -> None:
  """Runs the command that the first argument names, with the others."""
  name, *flags = sys.argv[1:] or ['--help']
  if name in ('--help', '-h', 'help'):
    print(f'RGB to thermal infrared image translation.\n\n{_USAGE}\n\n{_summary()}\n')
    print('cyclegan-jax COMMAND --help lists the flags of a command.')
  elif name == '--version':
    print(f'cyclegan-jax {importlib.metadata.version("cyclegan-jax")}')
  elif name not in packages.names():
    print(f'error: {name!r} is not a command. {_USAGE}\n\n{_summary()}', file=sys.stderr)
    sys.exit(2)
  else:
    packages.add_checkout()
    sys.argv = [sys.argv[0], *flags]
    runpy.run_module(packages.module(name), run_name='__main__', alter_sys=True)


def _summary() -> str:
  """The commands, and the first line of what each says of itself."""
  texts = {
    name: (packages.commands() / f'{name}.py').read_text('utf-8') for name in packages.names()
  }
  lines = {
    name: (ast.get_docstring(ast.parse(text)) or '').splitlines()[0] for name, text in texts.items()
  }
  return '\n'.join(f'  {name:<14}{line}' for name, line in lines.items())


if __name__ == '__main__':
  main()
