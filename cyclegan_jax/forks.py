"""Processes that are forked from one that has used JAX: they hang at their first computation.

JAX has threads, which a fork does not copy, but it copies the locks that they hold.
"""

import os

from cyclegan_jax.errors import UserError

# Whether this process has used JAX, and whether it is the fork of one that had.
_used = False
_forked = False


def use() -> None:
  """Notes that this process uses JAX from now on.

  Raises:
    UserError: it was forked from a process that has used JAX.
  """
  global _used
  if _forked:
    raise UserError(
      'This process was forked from one that has loaded a model. JAX does not survive a fork: it '
      "would hang here. Start workers with multiprocessing.get_context('spawn') (DataLoader: "
      "multiprocessing_context='spawn') and load the model in each, or use threads."
    )
  _used = True


def _mark() -> None:
  global _forked
  _forked = _forked or _used


os.register_at_fork(after_in_child=_mark)
