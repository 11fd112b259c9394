"""Tests the project with the lowest versions that setup.cfg allows and with the newest there are.

  python .ci/bounds.py lowest newest     (make bounds)
  python .ci/bounds.py lowest --dry-run  (whether these versions fit together, without the tests)
  python .ci/bounds.py --lock            (writes requirements.lock, of this environment's versions)

Each has an environment of its own in build/bounds, with the interpreter that runs this.
"""

import argparse
import configparser
import json
import pathlib
import re
import subprocess
import sys

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_LOCK = _ROOT / 'requirements.lock'
_HEAD = """\
# The versions that the results in results/ are measured with, for Python {version} on {platform}.
# Written by: python .ci/bounds.py --lock
#   pip install --require-hashes -r requirements.lock && pip install --no-deps -e .
"""


def requirements(*, tests: bool) -> list[str]:
  """Returns the requirements of the library, and perhaps of its tests, as setup.cfg has them."""
  parser = configparser.ConfigParser()
  parser.read(_ROOT / 'setup.cfg')
  text = parser['options']['install_requires']
  text += '\n' + parser['options.extras_require']['test'] if tests else ''
  lines = (line.strip() for line in text.splitlines())
  return [line for line in lines if line and not line.startswith('#')]


def lowest() -> list[str]:
  """Returns the requirements with the lowest versions that there are, the only ones allowed.

  Raises:
    ValueError: one of them names no lowest version, or there is none like it.
  """
  found = []
  for line in requirements(tests=True):
    match = re.fullmatch(r'([A-Za-z0-9_.-]+)>=([0-9.]+)(,.*)?', line)
    if not match:
      raise ValueError(f'setup.cfg: {line} names no lowest version: write NAME>=VERSION.')
    there = [version for version in _versions(match[1]) if _key(version) >= _key(match[2])]
    found.append(f'{match[1]}=={min(there, key=_key)}')
  return found


def _versions(name: str) -> list[str]:
  """Returns the released versions of a package that run here."""
  command = [sys.executable, '-m', 'pip', 'index', 'versions', name]
  answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
  listed = re.search('Available versions: (.*)', answer)
  return re.findall(r'[0-9.]+(?=,|$)', listed[1]) if listed else []


def _key(version: str) -> list[int]:
  return [int(part) for part in version.split('.')]


def test(which: str, dry_run: bool) -> int:
  """Installs the 'lowest' or 'newest' versions and runs the tests; returns the exit status."""
  folder = _ROOT / 'build' / 'bounds' / which
  subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
  python = folder / 'bin' / 'python'
  constraints = folder / 'constraints.txt'
  constraints.write_text('\n'.join(lowest() if which == 'lowest' else []) + '\n')
  install = [python, '-m', 'pip', 'install', '--quiet', '--upgrade', '--editable', '.[test]']
  # The newest of what the requirements require, too.
  install += ['--upgrade-strategy=eager', f'--constraint={constraints}']
  status = subprocess.run([*install, *(['--dry-run'] if dry_run else [])], cwd=_ROOT).returncode
  if status or dry_run:
    return status
  subprocess.run([python, '-m', 'pip', 'freeze', '--exclude-editable'], check=True)
  tests = ['-n', 'auto', '--maxprocesses=8', '--dist=loadfile', '--no-loadscope-reorder']
  return subprocess.run([python, '-m', 'pytest', *tests], cwd=_ROOT).returncode


def lock() -> None:
  """Writes the versions and hashes of what the library needs, as this environment has them."""
  pip = [sys.executable, '-m', 'pip']
  folder = _ROOT / 'build' / 'bounds'
  folder.mkdir(parents=True, exist_ok=True)
  constraints, report = folder / 'constraints.txt', folder / 'report.json'
  frozen = subprocess.run([*pip, 'freeze', '--exclude-editable'], capture_output=True, check=True)
  lines = [line for line in frozen.stdout.decode().splitlines() if '==' in line]
  constraints.write_text('\n'.join(lines) + '\n')
  install = ['install', '--quiet', '--dry-run', '--ignore-installed']
  wanted = ['--report', report, '--constraint', constraints, *requirements(tests=False)]
  subprocess.run([*pip, *install, *wanted], check=True)
  content = json.loads(report.read_text())
  environment = content['environment']
  platform = f'{environment["sys_platform"]} {environment["platform_machine"]}'
  pins = sorted(
    f'{one["metadata"]["name"]}=={one["metadata"]["version"]} \\\n'
    f'    --hash=sha256:{one["download_info"]["archive_info"]["hashes"]["sha256"]}\n'
    for one in content['install']
  )
  head = _HEAD.format(version=environment['python_version'], platform=platform)
  _LOCK.write_text(head + ''.join(pins))


def main() -> int:
  """Does what the arguments say; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('which', nargs='*', choices=['lowest', 'newest', []], help='versions')
  parser.add_argument('--dry-run', action='store_true', help='only resolve them')
  parser.add_argument('--lock', action='store_true', help='write requirements.lock')
  arguments = parser.parse_args()
  if arguments.lock:
    lock()
  statuses = [test(which, arguments.dry_run) for which in arguments.which]
  for which, status in zip(arguments.which, statuses):
    print(f'{which}: exit status {status}')
  return max(statuses, default=0)


if __name__ == '__main__':
  sys.exit(main())
