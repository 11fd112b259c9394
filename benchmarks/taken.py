"""What a process takes of the machine, seen from outside."""

import pathlib


def by_process(process_id: int) -> dict[str, float]:
  """Returns memory in MiB, threads, and open handles of a process; OSError if there is none.

  Linux only. A process that ends just now has no memory any more: KeyError.
  """
  folder = pathlib.Path(f'/proc/{process_id}')
  lines = (line.partition(':') for line in (folder / 'status').read_text().splitlines())
  status = {name: text.split()[0] for name, _, text in lines if text.split()}
  handles = len(list((folder / 'fd').iterdir()))
  memory = round(int(status['VmRSS']) / 1024, 1)
  return {'memory': memory, 'threads': int(status['Threads']), 'handles': handles}
