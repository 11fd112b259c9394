"""The versions of packages and of this program with which a result was made."""

from collections.abc import Iterable
import importlib.metadata
import pathlib
import platform
import subprocess

from cyclegan_jax import packages

_PACKAGES = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'grain', 'tensorflow-datasets', 'numpy')


def versions(further: Iterable[str] = ()) -> dict[str, str]:
  """Returns the versions of Python, of the packages that every run uses, and of further ones.

  Where this is the package of a wheel, its own version is the first. For a checkout, see `commit`.
  """
  own = ('cyclegan-jax',) if packages.is_installed() else ()
  return {
    **{name: importlib.metadata.version(name) for name in own},
    'python': platform.python_version(),
    **{name: importlib.metadata.version(name) for name in (*_PACKAGES, *further)},
  }


def commit() -> str | None:
  """Returns the commit of the checkout that this file is in, or None outside a checkout."""
  if packages.is_installed():  # A repository around it would be another one.
    return None
  try:
    return subprocess.run(
      ['git', 'describe', '--always', '--dirty', '--abbrev=40'],
      capture_output=True,
      text=True,
      check=True,
      cwd=pathlib.Path(__file__).parent,
      timeout=10,
    ).stdout.strip()
  except (OSError, subprocess.SubprocessError):
    return None
