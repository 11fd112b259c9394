"""The step after which several processes stop together, whichever of them got the signal."""

from cyclegan_jax import distributed

_TOPIC = 'stop'


def agreed(step: int, received: int, steps_ahead: int) -> int:
  """Returns the signal that ends the run after this step, in all processes alike, or 0.

  A process that has received a signal announces the step after which all stop, and every process
  looks at each step. No process misses it: a step finishes only once all processes have begun it,
  so whoever has waited for step n + 1 sees what any process announced at step n. A process that
  works alone stops at once.

  Args:
    step: the step that this process has begun; step - steps_ahead is finished.
    received: the signal that this process has received, or 0.
    steps_ahead: steps that may be unfinished besides the one before them.
  """
  if not distributed.joined():
    return received
  if received:
    distributed.announce(_TOPIC, f'{step + steps_ahead + 1} {received}')
  stops = [tuple(map(int, text.split())) for text in distributed.announced(_TOPIC)]
  return max((number for last, number in stops if last == step), default=0)
