"""Does the try-out page stand hostile visitors, and what does it take for them?

  python -m benchmarks.attack_app --uploads=500 --requests=10000 --output=results/attack_app.json

Trains a tiny model (base_width 4, 32x32), serves it with experiments.demo_app, and sends it images
of many sizes, ten at a time, every third one hostile (attacks.py); then small requests; then opens
connections that say nothing. In between it waits until all connections are closed, and notes the
server's memory, threads and open handles. Images have to come back in their size, hostile requests
have to be refused, the page has to answer everybody else, and Ctrl-C has to end it.

Writes all counts to the JSON file and prints the tables.
"""

import json
import pathlib
import signal
import sys
import tempfile

from absl import app, flags

from benchmarks import attacked_page

_UPLOADS = flags.DEFINE_integer('uploads', 500, 'Files that are sent.', lower_bound=1)
_AT_ONCE = flags.DEFINE_integer('at_once', 10, 'So many at a time.', lower_bound=1)
_REQUESTS = flags.DEFINE_integer('requests', 10_000, 'Small requests after that.', lower_bound=0)
_SILENT = flags.DEFINE_integer('silent', 300, 'Connections that say nothing.', lower_bound=0)
_LARGEST = flags.DEFINE_integer('largest', 256, 'The longest side of an image.', lower_bound=32)
_OUTPUT = flags.DEFINE_string('output', 'results/attack_app.json', 'The JSON file.')


def main(argv: list[str]) -> None:
  """Attacks a page, and writes what came of it."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  # Of processes in the background it may be ignored, and the server would inherit that.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  counts = [flag.value for flag in (_UPLOADS, _AT_ONCE, _REQUESTS, _SILENT, _LARGEST)]
  with tempfile.TemporaryDirectory() as name:
    found = attacked_page.attack(pathlib.Path(name), *counts)
  pathlib.Path(_OUTPUT.value).write_text(json.dumps(found, indent=1) + '\n')
  print(attacked_page.tables(found))
  sys.exit(bool(found['faults']))


if __name__ == '__main__':
  app.run(main)
