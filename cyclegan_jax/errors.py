"""The error that a person, not a programmer, has to act on."""


class UserError(Exception):
  """Something outside the program is wrong: a file, a flag, a folder.

  The message names the file or flag, what was found, what was expected and what
  to do. The commands print it without a traceback and exit with status 2.
  """
