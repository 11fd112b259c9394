"""Where the other processes of a run are, by the key-value store of JAX's coordination service."""

from collections.abc import Collection, Mapping
import dataclasses
import json
import socket
import time

from cyclegan_jax import distributed

_TOPIC = 'place'

# What a loop does, in the order of a step, and what to look at if it does not come to an end.
DATA, DEVICES, FILES = 'waits for its images', 'computes on its devices', 'writes its rows'
HINTS = {
  DATA: 'Check the disk or the network that the images are read from.',
  DEVICES: 'Check the devices, and the network between them if they are on several machines.',
  FILES: 'Check the disk that the run folder is on.',
}


@dataclasses.dataclass(frozen=True)
class Place:
  """Where the loop of a process is.

  Attributes:
    step: it works on.
    doing: one of `DATA`, `DEVICES`, `FILES`, or something that takes its time.
    counts: whether the time there counts.
  """

  step: int
  doing: str
  counts: bool = True


@dataclasses.dataclass(frozen=True)
class Note:
  """What a process has noted last.

  Attributes:
    place: where it is.
    looks: how often it has looked at that; a process that is alive counts on.
    verdict: why it ends; '' if it does not.
    host: it runs on.
  """

  place: Place
  looks: int
  verdict: str
  host: str = dataclasses.field(default_factory=socket.gethostname)

  def to_json(self) -> str:
    """Returns it as text; `from_json` is the inverse."""
    return json.dumps(dataclasses.asdict(self))

  @classmethod
  def from_json(cls, text: str) -> 'Note':
    """Reads what `to_json` wrote."""
    content = json.loads(text)
    return cls(Place(**content.pop('place')), **content)


class Peers:
  """What this process knows of all processes of the run, once it asks."""

  def __init__(self):
    self.notes: Mapping[int, Note] = {}
    self._since: dict[int, float] = {}
    self._answered = time.monotonic()

  def exchange(self, own: Note, ask: bool) -> None:
    """Notes where this process is and, if it asks, reads where the others are.

    It blocks while the first process hangs, which has the store.
    """
    distributed.note(_TOPIC, own.to_json())
    found = {}
    if ask:
      found = {index: Note.from_json(text) for index, text in distributed.noted(_TOPIC).items()}
    now = time.monotonic()
    moved = [i for i, n in found.items() if i not in self.notes or n.looks != self.notes[i].looks]
    self._since = {i: now if i in moved else self._since[i] for i in found}
    self.notes, self._answered = found, now

  def silent(self, seconds: float) -> list[int]:
    """Returns the processes that have not been heard of for so long."""
    begin = time.monotonic() - seconds
    if self._answered < begin:
      return [0]
    return sorted(index for index, since in self._since.items() if since < begin)

  @property
  def verdict(self) -> str:
    """What another process has found, or ''."""
    return next((note.verdict for note in self.notes.values() if note.verdict), '')

  @property
  def busy(self) -> bool:
    """Whether one of the processes does something that may take any time."""
    return any(not note.place.counts for note in self.notes.values())


def who(notes: Mapping[int, Note], silent: Collection[int], count: int) -> str:
  """Returns sentences about the processes that keep the others waiting.

  Args:
    notes: of all processes, by index.
    silent: those that do not answer.
    count: how many there are.
  """
  if silent:
    verb = 'do not answer: they are' if len(silent) > 1 else 'does not answer: it is'
    return f'{_names(silent, notes)} {verb} suspended, or the machine hangs.'
  if not notes:
    return 'the other processes cannot be asked.'
  if missing := [index for index in range(count) if index not in notes]:
    return f'{_names(missing, notes)} did not come to the first step.'
  # A step begins with its images; on the devices all wait for the last.
  rank = {i: (note.place.step, note.place.doing == DEVICES) for i, note in notes.items()}
  behind = [index for index in sorted(rank) if rank[index] == min(rank.values())]
  place = notes[behind[0]].place
  names = _names(behind, notes) if len(behind) < len(notes) else 'each process'
  return f'{names} {place.doing} in step {place.step}. {HINTS.get(place.doing, "")}'


def _names(indices: Collection[int], notes: Mapping[int, Note]) -> str:
  hosts = {index: f' on {notes[index].host}' if index in notes else '' for index in indices}
  return ', '.join(f'process {index}{hosts[index]}' for index in indices)
