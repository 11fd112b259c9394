"""Several processes on one machine, by gloo on the loopback: they end as one process would."""

import signal
import time

import numpy as np
import pytest

from benchmarks import stops
from cyclegan_jax import fatal
from tests.training import together
from tests.training.test_loop import rows
from tests.training.test_survival import unrated

ONE, TWO, FOUR = (1, 4), (2, 2), (4, 1)
# Discriminators see earlier fakes, drawn for the whole batch; the generators are averaged.
POOLS = ('--update_order=generators_first', '--noredraw_fakes', '--pool_size=6', '--ema_decay=0.9')
MODES = {
  'paired': ('--paired',),
  'unpaired': ('--nopaired',),
  # With seed 0, layouts agree as well until step 19. In step 20 all images and statistics still do,
  # but gradients jump by 1 %: somewhere rounding decides on which side of a kink a value lies.
  'pools': ('--nopaired', *POOLS, '--seed=1'),
}


@pytest.fixture(scope='module')
def ground(tmp_path_factory):
  """Flags of tiny runs: twenty steps, checkpoints at 12 and 20."""
  return stops.make_ground(tmp_path_factory.mktemp('ground'), paired=True, steps=20).flags


@pytest.fixture(scope='module')
def reference(ground, tmp_path_factory):
  """Run folders of one process with four devices, by mode, made when asked for."""
  made = {}

  def get(mode):
    if mode not in made:
      made[mode] = tmp_path_factory.mktemp('reference') / mode
      together.train(ONE, made[mode], (*ground, *MODES[mode]))
    return made[mode]

  return get


def assert_same_files(workdir, reference):
  for name in ('metrics.csv', 'validation.csv'):
    found, expected = unrated(workdir / name), unrated(reference / name)
    assert [row.keys() for row in found] == [row.keys() for row in expected]
    for row, wanted in zip(found, expected):
      for key, value in wanted.items():
        assert float(row[key]) == pytest.approx(float(value), rel=1e-3, abs=1e-3), (name, key)
  assert {p.name for p in (workdir / 'samples').iterdir()} == {
    p.name for p in (reference / 'samples').iterdir()
  }
  assert not stops.leftovers(workdir)


@pytest.mark.slow
def test_two_processes_end_as_one(ground, reference, tmp_path):
  said = together.train(TWO, tmp_path / 'run', (*ground, '--nopaired'))
  assert 'Devices: 4 x cpu (cpu), 2 in each of 2 processes.' in said
  together.assert_close(tmp_path / 'run', reference('unpaired'))
  assert_same_files(tmp_path / 'run', reference('unpaired'))


@pytest.mark.slow
@pytest.mark.parametrize('layout, mode', [(TWO, 'pools'), (FOUR, 'paired'), (FOUR, 'unpaired')])
def test_all_layouts_end_alike(ground, reference, tmp_path, layout, mode):
  together.train(layout, tmp_path / 'run', (*ground, *MODES[mode]))
  together.assert_close(tmp_path / 'run', reference(mode))
  assert_same_files(tmp_path / 'run', reference(mode))


@pytest.mark.slow
@pytest.mark.parametrize('layouts', [(TWO, ONE), (ONE, FOUR)])
def test_a_checkpoint_of_one_layout_resumes_in_another(ground, reference, tmp_path, layouts):
  together.train(layouts[0], tmp_path / 'run', (*ground, '--nopaired', '--steps=7'))
  said = together.train(layouts[1], tmp_path / 'run', (*ground, '--nopaired'))
  assert '7 done: resuming' in said
  together.assert_close(tmp_path / 'run', reference('unpaired'))


@pytest.mark.slow
@pytest.mark.parametrize('victim', [0, 1])
def test_a_member_that_is_killed_stops_the_others_and_all_resume(ground, tmp_path, victim):
  flags = (*ground, '--nopaired')
  # Long enough that the kill comes before the end.
  with together.started(TWO, tmp_path / 'run', (*flags, '--steps=100000')) as run:
    run.wait_for(lambda: '\nstep 25/' in run.said())
    run.processes[victim].kill()
    begin = time.monotonic()
    other = 1 - victim
    assert run.processes[other].wait(60) == fatal.EXIT_LOST, run.all_said()
    assert time.monotonic() - begin < 60
    last = run.said(other).strip().splitlines()[-1]
    assert last.startswith('error: Another process of this run has ended')
    for word in ('Traceback', 'Check failure', 'Fatal Python error', '    @ '):
      assert word not in run.said(other)
  assert stops.latest(tmp_path / 'run') >= 24
  total = f'--steps={stops.latest(tmp_path / "run") + 9}'
  assert 'done: resuming' in together.train(TWO, tmp_path / 'run', (*flags, total))
  together.train(TWO, tmp_path / 'whole', (*flags, total))
  # The same layout: bit for bit.
  found, expected = together.state(tmp_path / 'run'), together.state(tmp_path / 'whole')
  for name, array in expected.items():
    np.testing.assert_array_equal(found[name], array, err_msg=name)
  assert unrated(tmp_path / 'run' / 'metrics.csv') == unrated(tmp_path / 'whole' / 'metrics.csv')


@pytest.mark.slow
@pytest.mark.parametrize(
  'layout, number, told',
  [(TWO, signal.SIGTERM, (1,)), (TWO, signal.SIGTERM, (0, 1)), (FOUR, signal.SIGINT, (0, 1, 2, 3))],
)
def test_a_signal_to_any_stops_all_at_one_step(ground, tmp_path, layout, number, told):
  with together.started(layout, tmp_path / 'run', (*ground, '--steps=100000')) as run:
    run.wait_for(lambda: '\nstep 5/' in run.said())
    for index in told:
      run.processes[index].send_signal(number)
    assert run.statuses() == [128 + number] * layout[0], run.all_said()
    saved = stops.latest(tmp_path / 'run')
    assert f'Stopped by signal {int(number)} after step {saved}, which is saved' in run.said()
  if told != (1,) or number != signal.SIGTERM:
    return
  total = f'--steps={saved + 3}'
  assert f'{saved} done: resuming' in together.train(TWO, tmp_path / 'run', (*ground, total))
  together.train(TWO, tmp_path / 'whole', (*ground, total))
  found, expected = together.state(tmp_path / 'run'), together.state(tmp_path / 'whole')
  for name, array in expected.items():
    np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.slow
def test_evaluation_is_shared_out_and_gives_the_same(ground, reference, tmp_path):
  figures = []
  for layout in (ONE, (3, 1)):
    with together.started(
      layout, reference('paired'), ('--split=train',), command='evaluate'
    ) as run:
      assert run.statuses() == [0] * layout[0], run.all_said()
    folder = reference('paired') / 'evaluation' / 'train'
    figures.append(
      [(folder / name).read_text() for name in ('per_image.csv', 'metrics.json', 'summary.md')]
    )
    assert len(rows(folder / 'per_image.csv')) == 10
  assert figures[0] == figures[1]


@pytest.mark.slow
def test_processes_with_other_settings_are_refused(ground, tmp_path):
  with together.started(TWO, tmp_path / 'run', ground, own=((), ('--seed=1',))) as run:
    assert run.statuses() == [fatal.EXIT_LOST, 2], run.all_said()
    assert 'process 1: Process 1 has other settings than process 0:\n  seed: 0 there' in run.said(1)


def test_a_process_that_stays_alone_says_so(tmp_path):
  with together.started(
    (1, 1),
    tmp_path / 'run',
    (
      '--dataset=synthetic',
      f'--coordinator_address=127.0.0.1:{together.free_port()}',
      '--num_processes=2',
      '--process_id=0',
      '--join_timeout=3',
    ),
  ) as run:
    assert run.statuses() == [fatal.EXIT_LOST]
    lines = run.said().strip().splitlines()
    assert len(lines) == 1
    for part in ('process 0 of 2 processes', 'within 3 s', '--join_timeout', '--process_id'):
      assert part in lines[0]
  assert not (tmp_path / 'run').exists()
