"""The models that experiments.compare knows by name, and what the paper says of its own.

A model is the flags that a person would type to experiments.train. They say --nopaired where
that is meant, so that they mean the same with every --preset.
"""

from collections.abc import Mapping, Sequence
import types

MODELS: Mapping[str, str] = types.MappingProxyType(
  {
    # The paper's four.
    'unpaired': '--nopaired --noemsn',
    'unpaired_emsn': '--nopaired --emsn',
    'paired': '--paired --noemsn',
    'paired_emsn': '--paired --emsn',
    # The literal reading of "paired": aligned sampling, and no loss that could tell.
    'paired_literal': '--paired --noemsn --supervised_weight=0',
    # The paper's baseline, row CycleGAN of its Table I: the code that it modified. It is the model
    # `unpaired` under another name, and is trained once.
    'udacity': '--nopaired --noemsn',
    'cyclegan': '--preset=cyclegan --nopaired',
    'pix2pix': '--preset=pix2pix --paired',
    'spectral_channels': '--paired --normalization=spectral_channels',
  }
)
PAPERS_FOUR = ('unpaired', 'unpaired_emsn', 'paired', 'paired_emsn')

# Table I of the paper, by data set: model, MSE, RMSE, PSNR in dB, UQI. The PSNR column is printed
# as 356,064 and so on; MSE of row 2 as 214,0970.
_PAPERS_ROWS = {
  'osu': (
    ('Paired without EMSN', 473.936, 17.983, 35.6064, 0.941),
    ('Paired with EMSN', 214.097, 12.280, 35.8892, 0.971),
    ('CycleGAN', 923.878, 23.118, 35.5594, 0.909),
  ),
  'aau': (
    ('Paired without EMSN', 621.896, 23.983, 35.1964, 0.931),
    ('Paired with EMSN', 663.763, 24.106, 35.2242, 0.901),
    ('CycleGAN', 513.256, 21.578, 35.2926, 0.940),
  ),
}
PAPERS_NOTE = (
  "The paper's figures are copied from its Table I, not measured here: one run each, its own "
  'random split, its own epoch chosen by looking at outputs. Its PSNR column is printed as '
  '356,064 and so on, here read as 35.6064 dB; it cannot be had from its MSE column, which gives '
  "18.5 to 24.8 dB. Its '214,0970' reads 214.097. Its text announces five metrics, its table has "
  "four. Its UQI is that of the package sewar, so compare it with the column 'UQI, sewar'."
)


def papers_rows(dataset: str) -> dict[str, dict[str, float]]:
  """The paper's rows for a data set: metric -> value by the paper's model; {} if it has none."""
  names = ('mse', 'rmse', 'psnr', 'uqi_sewar')
  return {name: dict(zip(names, values)) for name, *values in _PAPERS_ROWS.get(dataset, ())}


def default_comparisons(labels: Sequence[str], reference: str | None) -> list[tuple[str, str]]:
  """What is compared with what, unless --comparisons says so: (model, what it is compared with).

  Paired with unpaired, each model with EMSN with its twin without; each model in none of these
  with the first one. With a reference: each other model with that.
  """
  if reference:
    return [(label, reference) for label in labels if label != reference]
  pairs = [('paired', 'unpaired')] + [
    (label, label.removesuffix('_emsn')) for label in labels if label.endswith('_emsn')
  ]
  pairs = [pair for pair in pairs if set(pair) <= set(labels)]
  seen = {label for pair in pairs for label in pair}
  return pairs + [(label, labels[0]) for label in labels[1:] if label not in seen]
