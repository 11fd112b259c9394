"""Errors that the user, not a programmer, can fix."""


class UserError(Exception):
  """A mistake outside the program: in a file, a flag or a folder.

  The message names the file or flag, what was found, what was expected, and what to do. The
  commands print it without a traceback and exit with status 2.
  """


def is_out_of_memory(error: Exception) -> bool:
  """Returns True if Python or XLA reports that memory ran out, on the host or a device."""
  return isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in str(error)
