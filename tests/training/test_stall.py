"""A process that hangs, but lives: it is named, and all end with a status that restarts them."""

import dataclasses
import signal
import threading

import pytest

from benchmarks import stops
from cyclegan_jax import fatal
from cyclegan_jax.training import loop, peers, stall
from cyclegan_jax.training.peers import DATA, DEVICES, FILES, Note, Place
import datasets
from tests.training import together
from tests.training.blocking import blocked


def seconds_until_stalled(stillness, place):
  looks = 0
  while not stillness.look(place, 1.0):
    looks += 1
    assert looks < 10_000
  return looks + 1


@pytest.mark.parametrize('slowest, limit', [(2, 60), (6, 60), (7, 70), (40, 400)])
def test_the_limit_is_ten_times_the_slowest_step_and_at_least_a_minute(slowest, limit):
  stillness = stall.Stillness(None, 1)
  assert stillness.limit == 600  # Nothing is known yet.
  for step, seconds in enumerate((1, slowest, 1), 1):
    for _ in range(seconds):
      assert not stillness.look(Place(step, DEVICES), 1.0)
  stillness.look(Place(4, DATA), 0.0)
  assert stillness.limit == limit
  assert seconds_until_stalled(stillness, Place(4, DATA)) == limit


def test_what_may_take_any_time_does_not_count():
  stillness = stall.Stillness(5.0, 1)
  for _ in range(4):
    assert not stillness.look(Place(1, DEVICES), 1.0)
  for _ in range(100):
    assert not stillness.look(Place(1, 'saves', counts=False), 1.0)
  assert seconds_until_stalled(stillness, Place(1, FILES)) == 5


@pytest.fixture
def ended(monkeypatch):
  """What ends the process stands in: messages with statuses, and an event."""
  said, released = [], threading.Event()

  def end(message, status, grace):
    said.append((message, status))
    released.set()

  monkeypatch.setattr(fatal, 'end', end)
  return said, released


@pytest.mark.parametrize('doing', [DATA, DEVICES, FILES])
def test_a_loop_that_stands_still_is_ended(ended, doing):
  said, released = ended
  watch = stall.Watch(0.2)
  with watch.running(5):
    for step in (5, 6, 7):
      watch.at(step, doing)
      with watch.allowed('saves'):
        assert not released.wait(0.4 if step == 6 else 0.05)
    assert released.wait(20)
  (message, status), *more = said
  assert not more and status == fatal.EXIT_LOST == 75
  assert message.startswith(
    f'No step has ended for 0s (--stall_timeout): it {doing} in step 7. Check'
  )


def test_zero_ends_no_run(ended):
  with stall.Watch(0).running(1):
    assert not ended[1].wait(0.2)


@pytest.mark.slow
def test_a_data_source_that_blocks_is_named(tiny, tmp_path, ended):
  config, (said, released) = tiny(cache_gib=0.0, steps=9, checkpoint_every=100), ended
  dataset = blocked(datasets.open_dataset(config.data), 14, released, 20)
  loop.train(config, dataset, tmp_path, stall_timeout=0.6, log=lambda line: None)
  (message, status), *more = said
  assert not more and status == fatal.EXIT_LOST == 75
  for part in ('No step has ended for', '--stall_timeout', 'it waits for its images in step'):
    assert part in message


def notes(*places, **changes):
  return {i: Note(place, 9, '', 'node', **changes) for i, place in enumerate(places)}


@pytest.mark.parametrize(
  'places, silent, found',
  [
    # The others have begun the step, or one more, and wait for the one that has not.
    ([(7, DEVICES), (6, DATA), (7, DEVICES)], [], 'process 1 on node waits for its images in step'),
    ([(6, DEVICES), (6, DATA)], [], 'process 1 on node waits for its images in step 6.'),
    ([(5, FILES), (6, DEVICES)], [], 'process 0 on node writes its rows in step 5.'),
    ([(6, DEVICES), (6, DEVICES)], [], 'each process computes on its devices in step 6.'),
    ([(6, DEVICES), (6, DEVICES)], [1], 'process 1 on node does not answer: it is suspended'),
    ([], [0], 'process 0 does not answer'),
  ],
)
def test_the_process_that_is_behind_is_named(places, silent, found):
  noted = notes(*(Place(*place) for place in places))
  assert peers.who(noted, silent, max(len(places), 2)).startswith(found)


def test_a_process_that_has_not_begun_is_named():
  assert peers.who(notes(Place(2, DEVICES)), [], 3).startswith('process 1, process 2 did not come')


def test_a_process_that_counts_on_is_not_silent(monkeypatch):
  texts, now = {}, [100.0]
  monkeypatch.setattr(peers.time, 'monotonic', lambda: now[0])
  monkeypatch.setattr(peers.distributed, 'note', lambda topic, text: texts.update({0: text}))
  monkeypatch.setattr(peers.distributed, 'noted', lambda topic: dict(texts))
  others = peers.Peers()
  hanging = Note(Place(3, DEVICES), 5, '')
  for looks in range(6):
    now[0] += 1
    texts[1] = hanging.to_json()
    others.exchange(Note(Place(3, DEVICES), looks, ''), ask=True)
  assert others.silent(3) == [1] and not others.busy and not others.verdict
  texts[1] = dataclasses.replace(hanging, looks=6, verdict='It stands.').to_json()
  others.exchange(Note(Place(3, 'saves', counts=False), 6, ''), ask=True)
  assert others.silent(3) == [] and others.busy and others.verdict == 'It stands.'
  now[0] += 4
  assert others.silent(3) == [0]  # Its store does not answer.


@pytest.mark.slow
@pytest.mark.parametrize('count, victim', [(2, 0), (2, 1), (4, 2)])
def test_a_process_that_is_suspended_is_named_and_all_end(tmp_path, count, victim):
  ground = stops.make_ground(tmp_path, paired=True, steps=100_000)
  flags = (*ground.flags, '--stall_timeout=6')
  with together.started((count, 1), tmp_path / 'run', flags) as run:
    run.wait_for(lambda: '\nstep 5/' in run.said())
    run.processes[victim].send_signal(signal.SIGSTOP)
    for i in set(range(count)) - {victim}:
      assert run.processes[i].wait(60) == fatal.EXIT_LOST, run.all_said()
      last = run.said(i).strip().splitlines()[-1]
      assert last.startswith('error: No step has ended for 6s (--stall_timeout): process'), last
      assert f'process {victim}' in last and 'does not answer' in last
      assert 'start all processes again' in last
    run.processes[victim].send_signal(signal.SIGCONT)
    assert run.processes[victim].wait(60) == fatal.EXIT_LOST, run.all_said()


@pytest.mark.slow
@pytest.mark.parametrize('count', [2, 4])
def test_a_process_that_gets_no_more_images_ends_all(tmp_path, count):
  ground = stops.make_ground(tmp_path, paired=True, steps=100_000)
  flags = (*ground.flags, '--cache_gib=0', '--stall_timeout=6')
  module = 'tests.training.blocking'
  with together.started((count, 1), tmp_path / 'run', flags, module=module) as run:
    assert run.statuses() == [fatal.EXIT_LOST] * count, run.all_said()
    for i in range(count):
      last = run.said(i).strip().splitlines()[-1]
      assert last.startswith('error: No step has ended for 6s (--stall_timeout)'), last
      assert 'waits for its images' in last
