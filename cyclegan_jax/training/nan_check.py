"""Messages about a loss or a gradient that became NaN or infinite."""

from collections.abc import Iterator
import contextlib
import pathlib
import traceback

from cyclegan_jax.errors import UserError

_INTACT = (
  '. Nothing has been saved since: the last checkpoint is intact. Check the input images of that '
  'step (experiments.check_pairs), '
)
_RESTART = 'start again with a smaller --learning_rate in another --workdir.'
ADVICE = f'{_INTACT}find the operation with --debug_nans, or {_RESTART}'
_PACKAGE = str(pathlib.Path(__file__).resolve().parent.parent)


@contextlib.contextmanager
def explain(step: int) -> Iterator[None]:
  """Names the operation that gave NaN, which JAX finds with jax_debug_nans (--debug_nans).

  Raises:
    UserError: JAX found one.
  """
  try:
    yield
  except FloatingPointError as error:
    place = [
      frame
      for frame in traceback.extract_tb(error.__traceback__)
      if frame.filename.startswith(_PACKAGE)
    ][-1]
    raise UserError(
      f'NaN at step {step}, in {place.filename}, line {place.lineno}: {place.line}\n'
      f'({str(error).strip().splitlines()[0]}){_INTACT}or {_RESTART}'
    ) from error
