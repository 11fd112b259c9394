"""Is every Ctrl-C and every SIGTERM obeyed, whenever it comes?

  python -m benchmarks.interrupt_commands --signals=200 --output=results/interruptions.json

Runs each command on a tiny model once without a stop, which gives its length, then with SIGINT or
SIGTERM at random moments of that length. Processes are forked from one that has imported the
libraries, so that most signals meet the command itself. A signal is lost if the command ends
otherwise than by it. After each, no file may be half written: temporary files, JSON and PNG files
are looked at. At the end the same command has to succeed.

Writes every signal to the JSON file and prints the table. Signals that the file has already count.
Needs the extra parity (PyTorch) for import_torch.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import tempfile
import time
from typing import Any

from absl import app, flags
import numpy as np
from PIL import Image

from benchmarks import compact, starts, stops
from cyclegan_jax import files
from tests.datasets.camera import writer
from tests.inference.pytorch import test_importing

_SIGNALS = flags.DEFINE_integer('signals', 200, 'Signals for each command.', lower_bound=1)
_COMMANDS = flags.DEFINE_list('commands', None, 'Only these commands. [all]')
_OUTPUT = flags.DEFINE_string('output', None, 'The JSON file.', required=True)

_STEPS = 24
_PATIENCE = 300.0
# Seconds that a server is left alone.
_SERVING = 8.0


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
  """Returns all commands; see `prepare` for the folder."""
  out = folder / 'out'
  run, labeled = f'--workdir={out / "run"}', f'--workdir={out / "labeled"}'
  data = [flag for flag in ground.flags if 'dir=' in flag or 'dataset=' in flag]
  return {
    'train': ['train', *ground.flags, f'--workdir={out / "new"}'],
    'evaluate': ['evaluate', run],
    'translate': ['translate', run, f'--input={folder / "photos"}', f'--output={out / "ir"}'],
    'translate in tiles': [
      *('translate', run, f'--input={folder / "large.png"}', f'--output={out / "large.png"}'),
      '--tile=64',
    ],
    'export': ['export', run, '--format=stablehlo', f'--output={out / "model.stablehlo"}'],
    'import_torch': [
      *('import_torch', *data, '--preset=cyclegan', '--load_size=0', '--image_size=32'),
      *('--base_width=4', '--n_residual_blocks=1', '--discriminator_width=4'),
      *('--discriminator_layers=2', f'--checkpoint_dir={folder / "torch"}'),
      f'--workdir={out / "imported"}',
    ],
    'camera': ['camera', f'--source_dir={folder / "camera"}', f'--output={out / "folders"}'],
    'check_pairs': ['check_pairs', *data, f'--output={out / "pairs"}'],
    'report': ['report', run, f'--output={out / "report.html"}'],
    'model_card': ['model_card', run, f'--output={out / "card.md"}'],
    'publish': ['publish', run, f'--output={out / "published"}'],
    'figure': ['figure', run, f'--output={out / "figure.png"}'],
    'transfer': ['transfer', f'--workdir={out / "run"},{out / "labeled"}', f'--output={out / "t"}'],
    'downstream': ['downstream', labeled, '--steps=4', '--width=4', '--seeds=1', '--few=0.4'],
    'compare': [
      *('compare', *ground.flags, '--steps=6', '--models=paired', '--seeds=1'),
      f'--output={out / "c"}',
    ],
    'demo_app': ['demo_app', run, '--port=0'],
  }


def prepare(folder: pathlib.Path) -> stops.Ground:
  """Makes what the commands read: images and, in `folder`/fresh, runs without and with labels.

  Each try of a command gets a copy of `folder`/fresh as `folder`/out.
  """
  ground = stops.make_ground(folder, True, _STEPS)
  labels = folder / 'pairs' / 'labels'
  labels.mkdir()
  for file in (folder / 'pairs' / 'ir').iterdir():
    bright = np.asarray(Image.open(file)) > 127
    Image.fromarray(bright.astype(np.uint8)).save(labels / file.name)
  labeled = dataclasses.replace(ground, flags=(*ground.flags, '--label_dir=labels'))
  (folder / 'fresh').mkdir()
  for name, one in (('run', ground), ('labeled', labeled)):
    stops.finish(one, folder / 'fresh' / name)
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
  test_importing.save(folder / 'torch', test_importing.tiny('cyclegan'))
  large = rng.integers(0, 256, (1024, 1024, 3), np.uint8)
  Image.fromarray(large).save(folder / 'large.png')
  return ground


class Measurement:
  """Signals to one command, on fresh ground for each."""

  def __init__(self, folder: pathlib.Path, ground: stops.Ground, arguments: Sequence[str]):
    self._folder, self._ground, self._arguments = folder, ground, arguments
    self._serves = arguments[0] == 'demo_app'
    self.whole()  # Fills the caches.
    begin = time.monotonic()
    if status := self.whole():
      raise RuntimeError(f'{arguments} ends with {status}: {self._folder / "err"}')
    self.length = time.monotonic() - begin

  def whole(self) -> int | None:
    """Runs the command to its end, a server for a while; returns its status."""
    return self.end(*((signal.SIGINT, _SERVING) if self._serves else ()))[1]

  def end(self, number: int = 0, after: float = 0.0) -> tuple[float, int | None, str]:
    """Runs the command and signals it.

    Returns:
      Seconds from the signal to the exit, the status (None if it had ended before), and what it
      wrote to standard error.
    """
    out, err = self._folder / 'out', self._folder / 'err'
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(self._folder / 'fresh', out)
    err.unlink(missing_ok=True)
    process = starts.fork(self._ground, self._arguments, err)
    while not err.exists() and process.exitcode is None:
      time.sleep(0.001)  # The process that is forked ignores Ctrl-C.
    process.join(after if number else _PATIENCE)
    if number and starts.has_ended(process):
      return 0.0, None, ''
    begin = time.monotonic()
    if number:
      os.kill(process.pid, number)
      came_late = starts.has_ended(process)
      starts.wait(process, _PATIENCE)  # One that hangs has lost the signal.
      if came_late and process.exitcode == 0:
        return 0.0, None, ''
    return time.monotonic() - begin, process.exitcode, err.read_text()

  def send(self, rng: np.random.Generator) -> Sent:
    """Sends one signal at a random moment; says what went wrong."""
    number = int(rng.choice([signal.SIGINT, signal.SIGTERM]))
    after = float(rng.uniform(0, self.length))
    seconds, status, errors = self.end(number, after)
    left = starts.half_written(self._folder / 'out')
    if self._serves and status == 0:  # That is how a server obeys.
      status = 128 + number
    one = Sent(number, round(after, 3), round(seconds, 3), status, left)
    if one.lost or one.half_written:
      print(f'  {one}\n{errors}', flush=True)
    return one


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
  """Returns the counts of all commands as a table."""
  rows = {name: _counts(**result) for name, result in results.items()}
  names = [*next(iter(rows.values()))]
  lines = [f'| | {" | ".join(names)} |', '|---|' + '---:|' * len(names)]
  lines += [f'| `{name}` | {" | ".join(map(str, row.values()))} |' for name, row in rows.items()]
  return '\n'.join(lines)


def _counts(length: float, sent: Sequence[Sequence[Any]], afterwards: int | None) -> dict[str, Any]:
  """What came of the signals that came in time."""
  in_time = [one for one in (Sent(*fields) for fields in sent) if one.status is not None]
  seconds = [one.seconds for one in in_time] or [0.0]
  return {
    'seconds without one': round(length, 2),
    'in time': len(in_time),
    'ended by them': sum(one.status == 128 + one.signal for one in in_time),
    'before or after': sum(one.status == -one.signal for one in in_time),
    'lost': sum(one.lost for one in in_time),
    'half written': sum(len(one.half_written) for one in in_time),
    'seconds to exit, median': round(float(np.median(seconds)), 2),
    'largest': round(max(seconds), 2),
    'status afterwards': afterwards,
  }


def main(argv: list[str]) -> None:
  """Sends the signals that are missing, and writes them."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  output = pathlib.Path(_OUTPUT.value)
  results = json.loads(output.read_text()) if output.exists() else {}
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    ground = prepare(folder)
    for i, (command, arguments) in enumerate(commands(folder, ground).items()):
      if _COMMANDS.value and command not in _COMMANDS.value:
        continue
      print(command, flush=True)
      measurement = Measurement(folder, ground, arguments)
      result = results.setdefault(command, {'length': 0.0, 'sent': [], 'afterwards': None})
      result['length'] = round(measurement.length, 3)
      for n in range(len(result['sent']), _SIGNALS.value):
        one = measurement.send(np.random.default_rng([i, n]))
        result['sent'].append(list(dataclasses.astuple(one)))
        files.write_text(output, compact.text(results))
      result['afterwards'] = measurement.whole()
      files.write_text(output, compact.text(results))
      print(_counts(**result), flush=True)
  print(table(results))


if __name__ == '__main__':
  app.run(main)
