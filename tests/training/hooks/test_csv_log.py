"""CSV files that survive a restart, and the rows that runs write."""

from hypothesis import given, strategies as st

from cyclegan_jax.training.hooks.csv_log import CsvFile, CsvLog


def test_csv_file_drops_rows_that_will_be_done_again(tmp_path):
  file = tmp_path / 'metrics.csv'
  log = CsvFile(file, 0)
  for step in (10, 20, 30):
    log.add({'step': step, 'loss': step / 8})
  file.write_text(file.read_text() + '2')  # cut short by a kill, meant to be a later step
  again = CsvFile(file, 20)
  assert file.read_text() == 'step,loss\n10,1.25\n20,2.5\n'
  again.add({'step': 30, 'loss': 3.75})
  assert file.read_text() == 'step,loss\n10,1.25\n20,2.5\n30,3.75\n'
  assert sorted(p.name for p in tmp_path.iterdir()) == ['metrics.csv']


@given(end=st.binary(max_size=40), tail=st.binary(max_size=20), rows=st.integers(0, 3))
def test_csv_file_survives_what_a_power_failure_leaves(tmp_path_factory, end, tail, rows):
  """Rows up to the checkpoint are on the disk; what follows is anything, as is all without one."""
  file = tmp_path_factory.mktemp('run') / 'metrics.csv'
  whole = 'step,loss\n' + ''.join(f'{step},1.5\n' for step in range(10, 10 * rows + 1, 10))
  file.write_bytes((whole.encode() if rows else b'') + end + b'\n99,' + tail)
  CsvFile(file, 10 * rows).add({'step': 10 * rows + 10, 'loss': 0.5})
  text = file.read_text()
  assert text.startswith(whole if rows else 'step')
  assert text.splitlines()[-1].startswith(f'{10 * rows + 10}')


def test_csv_file_keeps_the_columns_that_it_finds(tmp_path):
  file = tmp_path / 'metrics.csv'
  file.write_text('step,loss\n10,1.25\n')
  CsvFile(file, 10).add({'step': 20, 'loss': 2.5, 'new': 1})
  assert file.read_text() == 'step,loss\n10,1.25\n20,2.5\n'


def test_a_run_writes_the_epoch_beside_the_step(tmp_path):
  log = CsvLog(tmp_path, 0, steps_per_epoch=3)
  log.on_log(2, {'loss': 0.5})
  log.on_checkpoint(3, None, {})  # without validation pairs
  log.on_checkpoint(4, None, {'psnr': 20.0})
  assert (tmp_path / 'metrics.csv').read_text() == 'step,epoch,loss\n2,0.6667,0.5\n'
  assert (tmp_path / 'validation.csv').read_text() == 'step,epoch,psnr\n4,1.3333,20.0\n'
  CsvLog(tmp_path, 2, steps_per_epoch=3)
  assert (tmp_path / 'validation.csv').read_text() == 'step,epoch,psnr\n'
