"""What is said when a loss or a gradient is no number any more."""

from collections.abc import Iterator
import contextlib
import pathlib
import traceback

from cyclegan_jax.errors import UserError

_INTACT = (
  '. Nothing was saved since: the last checkpoint is intact. Look at the input images that '
  'came then (experiments.check_pairs), '
)
_ANEW = 'start anew with a smaller --learning_rate in another --workdir.'
ADVICE = f'{_INTACT}find the operation with --debug_nans, or {_ANEW}'
_PACKAGE = str(pathlib.Path(__file__).resolve().parent.parent)


@contextlib.contextmanager
def explained(step: int) -> Iterator[None]:
  """Names the operation that gave NaN, which JAX finds with jax_debug_nans (--debug_nans).

  Raises:
    UserError: so.
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
      f'({str(error).strip().splitlines()[0]}){_INTACT}or {_ANEW}'
    ) from error
