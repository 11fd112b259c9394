"""What is kept of measured runs: enough to go on with a comparison elsewhere, and no more."""

from benchmarks import kept_runs
from cyclegan_jax import checksum


def write(folder, files, place):
  for name in files:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {'name': name, 'source_dir': f'{place}/pairs'}
    path.write_text(checksum.dumps(content) if path.suffix == '.json' else name)


def test_measured_runs_come_back_without_weights_pictures_and_places(tmp_path):
  small = {'config.json', 'metrics.csv', 'evaluation/test/metrics.json'}
  small |= {'evaluation/test/per_image.csv'}
  first, second = tmp_path / 'here' / 'first', tmp_path / 'there' / 'second'
  large = {'checkpoints/1/state', 'samples/step_1.png'}
  write(first / 'runs' / 'a' / 'seed0', small | large, first.parent)
  write(first / 'runs' / 'a' / 'seed1', {'config.json', 'metrics.csv'}, first.parent)
  assert kept_runs.pack(first, tmp_path / 'new' / 'kept.tar.xz') == 1
  kept_runs.unpack(tmp_path / 'new' / 'kept.tar.xz', second)
  files = {str(f.relative_to(second)): f for f in second.rglob('*') if f.is_file()}
  assert set(files) == {f'runs/a/seed0/{name}' for name in small}
  for name, file in files.items():
    if file.suffix == '.json':
      content = checksum.loads(file.read_text())
      assert content['name'] in name and content['source_dir'] == 'runs/results/pairs'
    else:
      assert file.read_text() in name
  kept_runs.pack(second, tmp_path / 'again.tar.xz')
  assert (tmp_path / 'again.tar.xz').read_bytes() == (tmp_path / 'new/kept.tar.xz').read_bytes()
