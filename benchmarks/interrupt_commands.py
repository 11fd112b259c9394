"""Is every Ctrl-C and every SIGTERM obeyed, whenever it comes?

  python -m benchmarks.interrupt_commands --signals=24 --output=results/interruptions.json

Runs each command on a tiny model once without a stop, which gives its length, then with SIGINT or
SIGTERM at random moments of that length. A signal is lost if the command ends otherwise than by it.
After each, no file may be half written: temporary files, JSON and PNG files are looked at. At the
end the same command has to succeed.

Writes every signal to the JSON file and prints the table. Commands that the file has already are
not measured again.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import shutil
import signal
import tempfile
import time
from typing import Any

from absl import app, flags
import numpy as np
from PIL import Image

from benchmarks import starts, stops
from tests.datasets.camera import writer

_SIGNALS = flags.DEFINE_integer('signals', 24, 'Signals for each command.', lower_bound=1)
_COMMANDS = flags.DEFINE_list('commands', None, 'Only these commands. [all]')
_OUTPUT = flags.DEFINE_string('output', None, 'The JSON file.', required=True)

_STEPS = 24
_PATIENCE = 300.0


@dataclasses.dataclass(frozen=True)
class Sent:
  """A signal that was sent to a command.

  Attributes:
    signal: its number.
    after: seconds from the start of the command.
    seconds: from the signal to the exit.
    status: as subprocess has it (negative: died of that signal); None if it had ended before.
    half_written: names of files that it left half written.
  """

  signal: int
  after: float
  seconds: float
  status: int | None
  half_written: list[str]

  @property
  def lost(self) -> bool:
    """Whether the command went on to another end."""
    return self.status not in (None, -self.signal, 128 + self.signal)


def commands(folder: pathlib.Path, ground: stops.Ground) -> dict[str, list[str]]:
  """Returns all commands but the server; outputs go to `folder`/out, the run is `folder`/run."""
  run, out = f'--workdir={folder / "run"}', folder / 'out'
  data = [flag for flag in ground.flags if 'dir=' in flag or 'dataset=' in flag]
  return {
    'train': ['train', *ground.flags, f'--workdir={out / "run"}'],
    'evaluate': ['evaluate', run],
    'translate': ['translate', run, f'--input={folder / "photos"}', f'--output={out / "ir"}'],
    'translate in tiles': [
      *('translate', run, f'--input={folder / "large.png"}', f'--output={out / "large.png"}'),
      '--tile=64',
    ],
    'export': ['export', run, '--format=stablehlo', f'--output={out / "model.stablehlo"}'],
    'camera': ['camera', f'--source_dir={folder / "camera"}', f'--output={out / "folders"}'],
    'check_pairs': ['check_pairs', *data, f'--output={out / "pairs"}'],
    'report': ['report', run, f'--output={out / "report.html"}'],
    'model_card': ['model_card', run, f'--output={out / "card.md"}'],
    'compare': ['compare', *ground.flags, '--models=paired', '--seeds=1', f'--output={out / "c"}'],
  }


def prepare(folder: pathlib.Path) -> stops.Ground:
  """Makes images, a trained run and a prepared data set."""
  ground = stops.make_ground(folder, True, _STEPS)
  stops.finish(ground, folder / 'run')
  photos = folder / 'photos'
  photos.mkdir()
  rng = np.random.default_rng(0)
  for i in range(200):
    size = 64 + 64 * (i % 2), 96 + 32 * (i % 2)
    Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(photos / f'{i:02}.png')
  camera = folder / 'camera'
  camera.mkdir()
  for i in range(100):
    celsius, photograph = writer.scene((120, 160), seed=i)
    (camera / f'{i:02}.jpg').write_bytes(writer.thermogram(celsius, photograph, (1.0, 0, 0)))
  large = rng.integers(0, 256, (1024, 1024, 3), np.uint8)
  Image.fromarray(large).save(folder / 'large.png')
  return ground


def measure(
  folder: pathlib.Path,
  ground: stops.Ground,
  arguments: Sequence[str],
  n: int,
  rng: np.random.Generator,
) -> dict[str, Any]:
  """Signals a command n times; returns its figures and every signal."""
  out, sent = folder / 'out', []

  def end(number: int = 0, after: float = 0.0) -> tuple[float, int, str]:
    """Runs the command from a fresh start and signals it; seconds, status, standard error."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    begin = time.monotonic()
    with starts.start(ground, arguments) as process:
      if number:
        time.sleep(after)
        begin = time.monotonic()
        if process.poll() is not None:
          return 0.0, 0, 'ended'
        process.send_signal(number)
      errors = process.communicate(timeout=_PATIENCE)[1].decode()
    return time.monotonic() - begin, process.returncode, errors

  end()  # Fills the caches.
  length, status, errors = end()
  if status:
    raise RuntimeError(errors)
  for number in rng.permutation([signal.SIGINT, signal.SIGTERM] * (n // 2 + n % 2))[:n]:
    after = float(rng.uniform(0, length))
    seconds, status, errors = end(int(number), after)
    ended = errors == 'ended'
    one = Sent(
      int(number),
      *(round(after, 3), round(seconds, 3)),
      None if ended else status,
      starts.half_written(out),
    )
    sent.append(one)
    if one.lost or one.half_written:
      print(f'  {one}\n{errors}', flush=True)
  in_time = [one for one in sent if one.status is not None]
  return {
    'seconds without a signal': round(length, 2),
    'signals': len(in_time),
    'ended by them, status 130 or 143': sum(one.status == 128 + one.signal for one in in_time),
    'before or after the command proper': sum(one.status == -one.signal for one in in_time),
    'lost': sum(one.lost for one in in_time),
    'files half written': sum(len(one.half_written) for one in in_time),
    'largest seconds to exit': max((one.seconds for one in in_time), default=None),
    'status of the same command afterwards': end()[1],
    'sent': [dataclasses.asdict(one) for one in sent],
  }


def main(argv: list[str]) -> None:
  """Measures the commands and writes the figures."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  output = pathlib.Path(_OUTPUT.value)
  results = json.loads(output.read_text()) if output.exists() else {}
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    ground = prepare(folder)
    for command, arguments in commands(folder, ground).items():
      if command in results or (_COMMANDS.value and command not in _COMMANDS.value):
        continue
      print(command, flush=True)
      rng = np.random.default_rng(len(results))
      results[command] = measure(folder, ground, arguments, _SIGNALS.value, rng)
      output.write_text(json.dumps(results, indent=1) + '\n')
      print({key: value for key, value in results[command].items() if key != 'sent'}, flush=True)
  for figure in next(iter(results.values())):
    if figure != 'sent':
      values = ' | '.join(str(result[figure]) for result in results.values())
      print(f'| {figure} | {values} |')


if __name__ == '__main__':
  app.run(main)
