"""Does a training go on after a power failure, as if nothing had been?

  sudo python -m benchmarks.power_cuts --cuts=50 --output=results/power_cuts.json

For pairs on a disk with ext4's default options, and for unpaired images on one that writes names
before contents (data=writeback): trains tiny networks, several times. Source images, prepared data,
compiled programs, and the run are on a disk (benchmarks/disks.py) whose blocks are copied at random
moments: what the kernel has not written by then is missing, as after a power failure. Afterwards
the same command goes on from each copy to the end, and the run is compared bit for bit with one
that was left alone.

Linux, with the right to mount, mkfs.ext4, and mkfs.xfs. Writes every cut to the JSON file and
prints the table. Cuts that the file has already count.
"""

import dataclasses
import json
import pathlib
import tempfile

from absl import app, flags, logging
import numpy as np

from benchmarks import compact, cuts

_CUTS = flags.DEFINE_integer('cuts', 50, 'Cuts of each kind of run.', lower_bound=1)
_OUTPUT = flags.DEFINE_string('output', None, 'The JSON file.', required=True)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)  # Orbax tells each step.
  output = pathlib.Path(_OUTPUT.value)
  known = json.loads(output.read_text()) if output.exists() else {}
  results = {name: [cuts.Cut(**cut) for cut in found] for name, found in known.items()}
  for paired, options in ((True, 'data=ordered'), (False, 'data=writeback')):
    name = f'{"pairs" if paired else "unpaired"}, {options}'
    print(name, flush=True)
    found = results.setdefault(name, [])
    rng = np.random.default_rng([int(paired), len(found)])
    if (missing := _CUTS.value - len(found)) > 0:
      with tempfile.TemporaryDirectory() as folder:
        found += cuts.measure(pathlib.Path(folder), paired, options, missing, rng)
      written = {kind: [*map(dataclasses.asdict, these)] for kind, these in results.items()}
      output.write_text(compact.text(written))
  print(cuts.table(results))


if __name__ == '__main__':
  app.run(main)
