"""The try-out page as a process, under friendly and hostile visitors."""

import pytest

pytest.importorskip('starlette', reason='needs the extra app')
pytest.importorskip('uvicorn', reason='needs the extra app')

from benchmarks import attacked_page, attacks
from tests.experiments.conftest import write_untrained


@pytest.mark.slow
def test_a_small_attack_is_stood_and_leaves_nothing_behind(pairs, data_dir, tmp_path):
  write_untrained(tmp_path / 'run', pairs, data_dir)
  found = attacked_page.attack(tmp_path, uploads=42, at_once=6, requests=60, silent=80, largest=64)
  assert found['faults'] == []
  answers = found['answers']
  # 28 of the files, one before and one after.
  assert answers['image']['200'] == 30
  assert len(set(answers) & set(attacks.ATTACKS)) == 14
  first, last = (list(found['server'].values())[i] for i in (0, -1))
  assert last['handles'] == first['handles'] and last['threads'] <= first['threads'] + 10
  assert last['memory'] < first['memory'] + 150
  assert last['largest handles'] < first['handles'] + 80
  assert '| 42 files |' in attacked_page.tables(found)
