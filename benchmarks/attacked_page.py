"""The try-out page in a process of its own, and all its visitors; see attack_app.py."""

from collections.abc import Callable, Iterator
import concurrent.futures
import contextlib
import http.client
import io
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import attacks, starts, stops, taken
from benchmarks.attacks import Outcomes

_MAX_UPLOAD_MIB = 2
_PARTS = 5
_PATIENCE = 300.0
_SMALL = ('GET /', 'GET /nosuch', 'HEAD /', 'OPTIONS /translate', 'DELETE /', 'POST /translate')


class Server:
  """The page in a process of its own, and what it takes there.

  Attributes:
    port: where it listens.
    notes: by phase, its memory in MiB, threads and handles at rest, and the largest in between.
  """

  def __init__(self, process: subprocess.Popen, port: int):
    """Watches a process that serves a port."""
    self.port = port
    self.notes: dict[str, dict[str, Any]] = {}
    self._process = process
    self._most: dict[str, float] = {}
    self._begun = time.monotonic()
    threading.Thread(target=self._watch, daemon=True).start()

  def now(self) -> dict[str, float]:
    """Returns memory in MiB, threads, and open handles."""
    return taken.by_process(self._process.pid)

  def rest(self, phase: str) -> None:
    """Waits until all connections are closed, and notes what there is."""
    seconds = time.monotonic() - self._begun
    first = next(iter(self.notes.values()), None)
    end = time.monotonic() + 60
    while first and self.now()['handles'] > first['handles'] and time.monotonic() < end:
      time.sleep(0.5)
    now = self.now()
    most = {f'largest {name}': max(now[name], value) for name, value in self._most.items()}
    self.notes[phase] = {'seconds': round(seconds, 1), **now, **most}
    self._most, self._begun = {}, time.monotonic()

  def end(self) -> str:
    """Ends the server by Ctrl-C; returns what is wrong with that."""
    self._process.send_signal(signal.SIGINT)
    try:
      _, errors = self._process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
      self._process.kill()
      return 'Ctrl-C does not end it'
    status = self._process.returncode
    return '' if status == 0 and not errors else f'status {status}: {errors.decode()[-2000:]}'

  def _watch(self) -> None:
    with contextlib.suppress(OSError, KeyError, ValueError):  # Until it ends.
      while True:
        now = self.now()
        self._most = {name: max(value, self._most.get(name, 0)) for name, value in now.items()}
        time.sleep(0.1)


def send_image(port: int, rng: np.random.Generator, outcomes: Outcomes, largest: int) -> None:
  """Sends an image until it is translated, as a patient visitor does."""
  content, size = attacks.picture(rng, largest)
  end = time.monotonic() + _PATIENCE
  status, body = attacks.upload(port, content)
  while status == attacks.BUSY and time.monotonic() < end:
    outcomes.note('image', status)
    time.sleep(float(rng.uniform(0.1, 0.5)))
    status, body = attacks.upload(port, content)
  fault = '' if status == 200 else f'{status} {body[:300]!r}'
  if not fault and Image.open(io.BytesIO(body)).size != size:
    fault = f'another size than {size}'
  outcomes.note('image', status, fault)


def send_attack(port: int, rng: np.random.Generator, outcomes: Outcomes, kind: str) -> None:
  """Sends a hostile request until the server is not too busy to look at it."""
  attack = attacks.ATTACKS[kind]
  try:
    end = time.monotonic() + _PATIENCE
    while (status := attack.send(port, rng)) == attacks.BUSY and time.monotonic() < end:
      outcomes.note(kind, status)
      time.sleep(float(rng.uniform(0.1, 0.5)))
    outcomes.note(kind, status, '' if status in attack.right else f'answered with {status}')
  except OSError as error:
    outcomes.note(kind, attacks.NONE, f'{type(error).__name__}: {error}')


def send_files(server: Server, outcomes: Outcomes, n: int, at_once: int, largest: int) -> None:
  """Sends files, every third one hostile; and notes the server at rest a few times."""
  kinds = list(attacks.ATTACKS)

  def send(i: int) -> None:
    rng = np.random.default_rng(i)
    if i % 3 == 2:
      send_attack(server.port, rng, outcomes, kinds[i // 3 % len(kinds)])
    else:
      send_image(server.port, rng, outcomes, largest)

  for numbers in np.array_split(np.arange(n), min(n, _PARTS)):
    _together(at_once, [lambda i=int(i): send(i) for i in numbers])
    server.rest(f'{numbers[-1] + 1} files')


def send_small(server: Server, outcomes: Outcomes, n: int, at_once: int) -> None:
  """Sends small requests over connections that are kept."""
  right = {200, 404, 405, 422, attacks.BUSY}

  def send(count: int) -> None:
    connection = http.client.HTTPConnection('localhost', server.port, timeout=_PATIENCE)
    for i in range(count):
      method, path = _SMALL[i % len(_SMALL)].split()
      connection.request(method, path, headers={'Content-Type': 'application/octet-stream'})
      answer = connection.getresponse()
      answer.read()
      fault = '' if answer.status in right else f'answered with {answer.status}'
      outcomes.note(_SMALL[i % len(_SMALL)], answer.status, fault)
    connection.close()

  counts = [len(part) for part in np.array_split(np.arange(n), at_once)]
  _together(at_once, [lambda count=count: send(count) for count in counts])
  server.rest(f'{n} small requests')


def say_nothing(server: Server, outcomes: Outcomes, n: int) -> None:
  """Opens connections, sends half a request on each, and asks for the page beside them."""
  with contextlib.ExitStack() as stack:
    for _ in range(n):
      connection = socket.create_connection(('127.0.0.1', server.port), timeout=_PATIENCE)
      stack.enter_context(connection)
      with contextlib.suppress(ConnectionError):
        connection.sendall(b'GET / HTTP/1.1\r\nHost: loc')
    end = time.monotonic() + 60
    status = attacks.BUSY
    while status != 200 and time.monotonic() < end:
      status, _ = attacks.ask(server.port, 'GET /')
      outcomes.note('GET / beside silent connections', status)
      time.sleep(0.5)
  if status != 200:
    outcomes.faults.append(f'{n} silent connections keep others out')
  server.rest(f'{n} silent connections')


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[Server]:
  """Serves the model in `run` of a folder; a tiny one is trained there if there is none."""
  ground = stops.make_ground(folder, True, 6)
  run = [f'--workdir={folder / "run"}']
  if not (folder / 'run').exists():
    size = ['--image_size=32', '--load_size=36']
    trained = starts.start(ground, ['train', *ground.flags, *size, *run])
    errors = trained.communicate(timeout=_PATIENCE)[1]
    if trained.returncode:
      raise RuntimeError(errors.decode())
  with socket.create_server(('127.0.0.1', 0)) as free:
    port = free.getsockname()[1]
  limit = f'--max_upload_mib={_MAX_UPLOAD_MIB}'
  command = [sys.executable, '-m', 'experiments.demo_app', *run, f'--port={port}', limit]
  # No preexec_fn, as in starts.py: the process of a test may have threads.
  pipes = dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
  place = dict(cwd=pathlib.Path(__file__).resolve().parent.parent, env=starts.environment(ground))
  process = subprocess.Popen(command, **place, **pipes)
  end = time.monotonic() + _PATIENCE
  while process.poll() is None and time.monotonic() < end:
    with contextlib.suppress(OSError):
      if attacks.ask(port, 'GET /')[0] == 200:
        break
    time.sleep(0.2)
  try:
    yield Server(process, port)
  finally:
    if process.poll() is None:
      process.kill()


def attack(
  folder: pathlib.Path, uploads: int, at_once: int, requests: int, silent: int, largest: int
) -> dict[str, Any]:
  """Attacks a page, and returns counts, what the server took, and faults."""
  outcomes = Outcomes()
  with served(folder) as server:
    before = _files(folder / 'run')
    send_image(server.port, np.random.default_rng(0), outcomes, largest)
    server.rest('1 file')
    send_files(server, outcomes, uploads, at_once, largest)
    send_small(server, outcomes, requests, at_once)
    say_nothing(server, outcomes, silent)
    send_image(server.port, np.random.default_rng(0), outcomes, largest)
    if _files(folder / 'run') != before:
      outcomes.faults.append('files of the run have changed')
    if fault := server.end():
      outcomes.faults.append(fault)
  return {'server': server.notes, 'answers': outcomes.counts, 'faults': outcomes.faults}


def _files(folder: pathlib.Path) -> dict[str, int]:
  files = (file for file in folder.rglob('*') if file.is_file() and file.name != 'run.lock')
  return {str(file): file.stat().st_mtime_ns for file in files}


def _together(at_once: int, tasks: list[Callable[[], None]]) -> None:
  with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
    for future in [pool.submit(task) for task in tasks]:
      future.result()


def tables(found: dict[str, Any]) -> str:
  """Returns the tables of what the server took, and of the answers."""
  columns = list(next(reversed(found['server'].values())))
  lines = ['| after | ' + ' | '.join(columns) + ' |', '|---|' + '---:|' * len(columns)]
  for phase, note in found['server'].items():
    lines.append(f'| {phase} | ' + ' | '.join(str(note.get(name, '')) for name in columns) + ' |')
  lines += ['', '| request | answers |', '|---|---|']
  for kind, counts in found['answers'].items():
    lines.append(f'| {kind} | ' + ', '.join(f'{n} x {what}' for what, n in counts.items()) + ' |')
  return '\n'.join([*lines, '', f'faults: {found["faults"] or "none"}'])
