"""Errors that a person, not a programmer, has to act on."""


class UserError(Exception):
  """Something outside the program is wrong: a file, a flag, a folder.

  The message names the file or flag, what was found, what was expected and what
  to do. The commands print it without a traceback and exit with status 2.
  """


def is_out_of_memory(error: Exception) -> bool:
  """Whether the memory did not suffice, by Python's word or by XLA's, on the host or a device."""
  return isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in str(error)
