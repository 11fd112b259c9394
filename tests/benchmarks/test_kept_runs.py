"""What is kept of measured runs: enough to go on with a comparison elsewhere, and no more."""

from benchmarks import kept_runs


def write(folder, files):
  for name in files:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)


def test_measured_runs_come_back_without_weights_and_pictures(tmp_path):
  small = {'config.json', 'metrics.csv', 'evaluation/test/metrics.json'}
  small |= {'evaluation/test/per_image.csv'}
  first, second = tmp_path / 'first', tmp_path / 'second'
  write(first / 'runs' / 'a' / 'seed0', small | {'checkpoints/1/state', 'samples/step_1.png'})
  write(first / 'runs' / 'a' / 'seed1', {'config.json', 'metrics.csv'})
  assert kept_runs.pack(first, tmp_path / 'new' / 'kept.tar.xz') == 1
  kept_runs.unpack(tmp_path / 'new' / 'kept.tar.xz', second)
  files = {str(f.relative_to(second)): f for f in second.rglob('*') if f.is_file()}
  assert set(files) == {f'runs/a/seed0/{name}' for name in small}
  assert all(file.read_text() in name for name, file in files.items())
  kept_runs.pack(second, tmp_path / 'again.tar.xz')
  assert (tmp_path / 'again.tar.xz').read_bytes() == (tmp_path / 'new/kept.tar.xz').read_bytes()
