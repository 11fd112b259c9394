"""The comparisons of benchmarks.results: what experiments.compare is asked, and where tables go.

Flags are texts, as one would type them.
"""

from collections.abc import Iterable
import dataclasses
import itertools

# Small and narrow, so that all of it takes about two hours on two CPU cores.
_SMALL = (
  '--image_size=64 --load_size=0 --resize=area --flip --base_width=16 --discriminator_width=16 '
  '--batch_size=4 --learning_rate=5e-4 --steps=250 --checkpoint_every=50 --log_every=50 '
  '--best_metric=psnr'
)
# The paper's questions: do pairs help, and does EMSN? paired_literal has pairs and no loss that
# could tell. Four comparisons need eight seeds to reach p = 0.05 after Holm's correction.
_PAPER = (
  f'{_SMALL} --models=unpaired,unpaired_emsn,paired,paired_emsn,paired_literal --seeds=8 '
  '--comparisons=paired-unpaired,paired_emsn-paired,unpaired_emsn-unpaired,paired_literal-unpaired'
)
# The other models, beside the paired one. Six seeds describe; they cannot decide three comparisons.
_OTHERS = (
  f'{_SMALL} --models=paired,spectral_channels '
  "'--model=pix2pix: --preset=pix2pix --paired --n_downsampling=6' "
  "'--model=cyclegan: --preset=cyclegan --nopaired' --seeds=6 --reference=paired"
)
# Which models give images worth having? Narrow networks, so that two CPU cores train six seeds in
# a few hours, and as many images for each model of a table.
STEPS_600 = (
  '--load_size=0 --resize=area --flip --steps=600 --checkpoint_every=60 --log_every=60 '
  '--decay_start=0 --decay_epochs=0'
)
# Half as wide as published; a quarter what takes several times as long: pix2pixhd's ResNet, and
# infragan's discriminator.
_PAIRED = (
  "--base_width=32 --discriminator_width=32 --batch_size=8 '--model=paired: --paired' "
  "'--model=pix2pix: --preset=pix2pix --n_downsampling=6' "
  "'--model=infragan: --preset=infragan --n_downsampling=6 --discriminator_layers=5 "
  "--base_width=16 --discriminator_width=16' "
  "'--model=pix2pixhd: --preset=pix2pixhd --base_width=16' "
  "'--model=regression: --preset=regression' '--model=thermal: --preset=thermal' "
  '--reference=regression'
)
# A quarter as wide as published.
_UNPAIRED = (
  "--base_width=16 --discriminator_width=16 --batch_size=4 '--model=udacity: --nopaired' "
  "'--model=cyclegan: --preset=cyclegan' '--model=cut: --preset=cut' "
  "'--model=cyclegan_nce: --preset=cyclegan --nce_weight=1' --reference=udacity --primary=ssim"
)
# From pix2pix to thermal, one thing at a time. Three seeds describe.
_CHANGES = {
  'pix2pix': '--preset=pix2pix --n_downsampling=6',
  'no_discriminator': '--adversarial_weight=0',
  'ssim': '--ssim_weight=20',
  'average': '--ema_decay=0.99',
  'rate': '--learning_rate=1e-3',
  'zoom': '--zoom=0.8',
}
_STEPS_TO_THERMAL = {
  **dict(zip(_CHANGES, itertools.accumulate(_CHANGES.values(), '{} {}'.format))),
  'jitter': '--preset=regression',
  'upsampling': '--preset=regression --upsampling=bilinear',
  'thermal': '--preset=thermal',
}


def _each_step(names: Iterable[str]) -> str:
  return ','.join(f'{after}-{before}' for before, after in itertools.pairwise(names))


_ABLATION = (
  '--base_width=32 --discriminator_width=32 --batch_size=8 '
  + ' '.join(f"'--model={name}: {flags}'" for name, flags in _STEPS_TO_THERMAL.items())
  + f' --comparisons={_each_step(_STEPS_TO_THERMAL)}'
)
# How many pairs, how many minutes? One seed, which describes.
_PAIRS = (
  '--load_size=0 --resize=area --steps=2400 --checkpoint_every=100 --log_every=100 --decay_start=0 '
  '--decay_epochs=0 --seeds=1 --preset=regression --image_size=64 --base_width=32'
)


def _of_pairs(*numbers: int, start: str = '') -> str:
  start = start and f' --initialize_from={start}'
  models = (f"'--model=pairs{n}: --train_pairs={n}{start}'" for n in numbers)
  return ' '.join([_PAIRS, *models, f'--reference=pairs{numbers[-1]}'])


# The preset thermal from random weights and from a model of rendered scenes. Three seeds describe.
_THERMAL = '--preset=thermal --base_width=32 --batch_size=8'
_RENDERED = '{runs}/thermal_rendered/runs/rendered/seed0'
_WARM = ' '.join(
  [
    _THERMAL,
    *(f"'--model=cold{n}: --train_pairs={n}'" for n in (10, 30, 108)),
    *(f"'--model=warm{n}: --train_pairs={n} --initialize_from={_RENDERED}'" for n in (10, 30, 108)),
    '--comparisons=warm10-cold10,warm30-cold30,warm108-cold108',
  ]
)
_OTHER_CAMERA = ' '.join(
  [
    f"{_THERMAL} --model=cold: '--model=rendered: --initialize_from={_RENDERED}'",
    "'--model=roadscene: --initialize_from={runs}/thermal_warm/runs/cold108/seed0'",
    '--reference=cold',
  ]
)


@dataclasses.dataclass(frozen=True)
class Comparison:
  """What experiments.compare is asked, which page has the table, and whose `paired` runs serve.

  In `flags`, {runs} is the folder of the runs.
  """

  dataset: str
  flags: str
  page: str = 'results.md'
  shares: str | None = None


def _images(dataset: str, size: int, models: str, seeds: int = 6) -> Comparison:
  flags = f'{STEPS_600} --seeds={seeds} --image_size={size} {models}'
  return Comparison(dataset, flags, 'images.md')


COMPARISONS = {
  'roadscene_paper': Comparison('roadscene', _PAPER),
  'synthetic_paper': Comparison('synthetic', _PAPER),
  'roadscene_others': Comparison('roadscene', _OTHERS, shares='roadscene_paper'),
  'synthetic_others': Comparison('synthetic', _OTHERS, shares='synthetic_paper'),
  'roadscene_images64': _images('roadscene', 64, _PAIRED),
  'roadscene_unpaired64': _images('roadscene', 64, _UNPAIRED),
  'roadscene_ablation64': _images('roadscene', 64, _ABLATION, seeds=3),
  'synthetic_images64': _images('synthetic', 64, _PAIRED),
  'roadscene_images128': _images('roadscene', 128, _PAIRED),
  'pairs_roadscene': Comparison('roadscene', _of_pairs(8, 32, 108), 'pairs-and-minutes.md'),
  'pairs_synthetic': Comparison(
    'synthetic', f'--extra_scenes=1500 {_of_pairs(100, 400, 1600, 6400)}', 'pairs-and-minutes.md'
  ),
  'pairs_warm': Comparison(
    'roadscene',
    _of_pairs(8, 32, 108, start='{runs}/pairs_synthetic/runs/pairs6400/seed0'),
    'pairs-and-minutes.md',
  ),
  'thermal_rendered': _images(
    'synthetic',
    64,
    f'--extra_scenes=200 {_THERMAL} --steps=2400 --checkpoint_every=240 --model=rendered:',
    seeds=1,
  ),
  'thermal_warm': _images('roadscene', 64, _WARM, seeds=3),
  'msrs_warm': _images('msrs', 64, _OTHER_CAMERA, seeds=3),
}
