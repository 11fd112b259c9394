"""What a prepared copy of AAU VAP Trimodal consists of, found by looking through its files."""

import dataclasses
import hashlib
import math
import os
import pathlib
from typing import Any, NamedTuple

import tensorflow_datasets as tfds

from cyclegan_jax import errors
from datasets import frames as frames_lib, partners
from datasets.aau import (
  annotations,
  calibration as calibration_lib,
  files,
  registration as registration_lib,
)
from datasets.archives import Reader, StoredFile

Calibrations = dict[str, calibration_lib.Calibration]  # By scene.

_HELD_OUT = {'sequence': ('3',)}
METHODS = ('paper', *_HELD_OUT)

MANUAL_INSTRUCTIONS = """\
Download https://www.kaggle.com/datasets/aalborguniversity/trimodal-people-segmentation (a zip; a
Kaggle account is needed) and put it into a folder, zipped or unpacked to TrimodalDataset/Scene 1,
Scene 2 and Scene 3, each with SyncRGB, SyncT, SyncD, rgbMasks, thermalMasks, annotations.csv and
calibVars.yml. Then name that folder: --source_dir=FOLDER, or DownloadConfig(manual_dir=FOLDER)."""

# A calibrated plane is worth a note if it is off by this share of the wanted depth.
_FAR_PLANE = 0.2


class Example(NamedTuple):
  """A pair. Its id is 'scene/frame', such as '1/00085'; a missing or unneeded file is None."""

  id: str
  rgb: StoredFile
  ir: StoredFile
  depth: StoredFile | None
  rgb_mask: StoredFile | None
  ir_mask: StoredFile | None

  @property
  def sequence(self) -> str:
    """The scene."""
    return self.id.partition('/')[0]

  @property
  def files(self) -> dict[str, StoredFile]:
    """Returns kind, such as 'SyncRGB' -> file."""
    kinds = (files.RGB, files.THERMAL, files.DEPTH, files.RGB_MASKS, files.THERMAL_MASKS)
    return {kind: file for kind, file in zip(kinds, self[1:]) if file}


@dataclasses.dataclass(eq=False)
class AauConfig(tfds.core.BuilderConfig):
  """The files of the data set, how they are read, and the pairs found; see aau_config().

  Attributes:
    source_dir: the folder with the archive or its content; '' means TFDS's manual_dir.
    split_by: 'paper' or 'sequence'.
    registration: 'none', 'plane' or 'depth'.
    plane_depth: mm, for registration 'plane'.
    skip_scenes: such as '2' or '1,3'.
    allow_unmatched: allow a missing scene, and over 1 % of frames without a partner.
    calibrations: scene -> its calibration, unless registration is 'none'.
    tables: scene -> its calibVars.yml, unless registration is 'none'.
    notes: sentences for people on counts, and on what is left out and why.
    unmatched: the files of the frames without a partner.
    pairs: all pairs, sorted by id. Without any, the builder looks for the files when it prepares.
    examples: split -> its pairs, sorted by id.
  """

  source_dir: str = ''
  split_by: str = 'paper'
  registration: str = 'none'
  plane_depth: float = 1500.0
  skip_scenes: str = ''
  allow_unmatched: bool = False
  # Hidden from repr(), because TFDS logs the whole configuration.
  calibrations: Calibrations = dataclasses.field(default_factory=dict, repr=False)
  tables: dict[str, StoredFile] = dataclasses.field(default_factory=dict, repr=False)
  notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  unmatched: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  pairs: tuple[Example, ...] = dataclasses.field(default=(), repr=False)
  examples: dict[str, tuple[Example, ...]] = dataclasses.field(default_factory=dict, repr=False)


def aau_config(
  source_dir: str | os.PathLike,
  split_by: str = 'paper',
  registration: str = 'none',
  plane_depth: float = 1500.0,
  skip_scenes: str = '',
  allow_unmatched: bool = False,
) -> AauConfig:
  """Looks through the published files, zipped or unpacked, and decides how to read them.

  Args:
    source_dir: the folder with the archive, or with the folders Scene 1 to Scene 3, at any
      depth; '~' is expanded.
    split_by: 'paper' (frames at random) or 'sequence' (scene 3 for testing); see README.md.
    registration: 'none', 'plane' or 'depth'; see README.md.
    plane_depth: the distance, in mm, at which 'plane' assumes everything.
    skip_scenes: scenes to leave out, separated by commas.
    allow_unmatched: continue although scenes are missing or over 1 % of the frames have no
      partner.

  Returns:
    The configuration for `Builder(config=...)`. Its name changes with the names, sizes and
    content (zips) or times (folders) of the files, and with the options.

  Raises:
    UserError: files are missing or contradict each other, or an option is invalid; the message
      names the file or flag.
  """
  skipped = _check_options(split_by, registration, plane_depth, skip_scenes)
  if not os.fspath(source_dir):
    raise errors.UserError(f'--source_dir is empty.\n{MANUAL_INSTRUCTIONS}')
  source = pathlib.Path(source_dir).expanduser()
  found = files.scan(source)
  notes = [*found.notes, *_missing(source, found, skipped, allow_unmatched)]
  scenes = {name: scene for name, scene in found.scenes.items() if name not in skipped}
  pairs, unmatched, calibrations = [], [], {}
  with Reader() as reader:
    for name, scene in scenes.items():
      matched, alone, more = _match(name, scene, registration, reader)
      pairs, unmatched, notes = pairs + matched, unmatched + alone, notes + more
    if registration != 'none':
      calibrations = _calibrations(scenes, registration, reader)
  matched = sum(3 if pair.depth else 2 for pair in pairs)
  partners.check(source, unmatched, matched, allow_unmatched)
  notes += _registration_notes(registration, plane_depth, calibrations)
  examples, note = frames_lib.divide(pairs, split_by, _HELD_OUT)
  tables = {name: scenes[name].tables[files.CALIBRATION] for name in calibrations}
  options: dict[str, Any] = dict(
    split_by=split_by,
    registration=registration,
    plane_depth=float(plane_depth),
    skip_scenes=skip_scenes,
    allow_unmatched=allow_unmatched,
  )
  return AauConfig(
    name=_name(pairs, tables, options),
    source_dir=str(source),
    calibrations=calibrations,
    tables=tables,
    notes=(*notes, note),
    unmatched=tuple(file.shown for file in unmatched),
    pairs=tuple(pairs),
    examples=examples,
    **options,
    description=f'{len(pairs)} pairs, split by {split_by}, registration {registration}.',
  )


def _check_options(split_by: str, mode: str, plane_depth: float, skip_scenes: str) -> set[str]:
  """Refuses invalid options and returns the scenes to skip."""
  for flag, value, allowed in (
    ('split_by', split_by, METHODS),
    ('registration', mode, registration_lib.MODES),
  ):
    if value not in allowed:
      raise errors.UserError(f'--{flag}={value}: must be one of {", ".join(allowed)}.')
  if not 0 < plane_depth < math.inf:
    raise errors.UserError(f'--plane_depth={plane_depth}: must be a distance in mm above 0.')
  skipped = {scene.strip() for scene in skip_scenes.split(',')} if skip_scenes else set()
  if not skipped < set(files.SCENES):
    raise errors.UserError(
      f'--skip_scenes={skip_scenes}: must be one or two of {", ".join(files.SCENES)}, separated by '
      'commas, such as 2 or 1,3.'
    )
  return skipped


def _missing(
  source: pathlib.Path, found: files.Found, skipped: set[str], allow_unmatched: bool
) -> list[str]:
  """Returns notes on scenes that are left out; UserError if they must not be."""
  missing = [scene for scene in files.SCENES if scene not in found.scenes and scene not in skipped]
  text = ', '.join(f'Scene {scene}' for scene in missing)
  if missing and not (allow_unmatched and found.scenes.keys() - skipped):
    raise errors.UserError(
      f'--source_dir={source}: {text} missing; found '
      f'{", ".join(f"Scene {scene}" for scene in found.scenes) or "none"}, expected Scene 1 to '
      f'Scene 3. {" ".join(found.notes)}\n{MANUAL_INSTRUCTIONS}\n'
      'To leave a scene out: --skip_scenes=2, or --allow_unmatched.'
    )
  notes = [f'{text} missing: left out.'] if missing else []
  if left_out := sorted(skipped & found.scenes.keys()):
    notes.append(f'Scene {", ".join(left_out)} left out (--skip_scenes).')
  return notes


def _match(
  name: str, scene: files.Scene, registration: str, reader: Reader
) -> tuple[list[Example], list[StoredFile], list[str]]:
  """Returns pairs, frames without a partner and notes of one scene."""
  kinds = {files.RGB: 'RGB', files.THERMAL: 'thermal'}
  if registration == 'depth':
    kinds[files.DEPTH] = 'depth'
  for kind in kinds:
    if not scene.images[kind]:
      raise errors.UserError(
        f'{scene.home}: no images in a folder {kind}; expected its frames. Download them'
        + (', use another --registration' if kind == files.DEPTH else '')
        + f', or leave the scene out with --skip_scenes={name}.'
      )
  shared = set.intersection(*(set(scene.images[kind]) for kind in kinds))
  masks = annotations.find_masks(name, scene, reader)
  rgb, thermal = scene.images[files.RGB], scene.images[files.THERMAL]
  depth = scene.images[files.DEPTH] if files.DEPTH in kinds else {}
  pairs = [
    Example(
      f'{name}/{frame}',
      rgb[frame],
      thermal[frame],
      depth.get(frame),
      masks.rgb.get(frame),
      masks.thermal.get(frame),
    )
    for frame in sorted(shared)
  ]
  counts = ', '.join(f'{len(scene.images[kind])} {shown}' for kind, shown in kinds.items())
  notes = [
    f'Scene {name}: {len(pairs)} pairs from {counts} frames; '
    f'{sum(pair.rgb_mask is not None for pair in pairs)} are annotated.',
    *masks.notes,
  ]
  alone = []
  for kind, shown in kinds.items():
    rest = [file for frame, file in scene.images[kind].items() if frame not in shared]
    alone += rest
    if rest:
      notes.append(
        f'Scene {name}: {len(rest)} {shown} frame(s) without partner: {partners.listed(rest)}.'
      )
  return pairs, alone, notes


def _calibrations(scenes: dict[str, files.Scene], mode: str, reader: Reader) -> Calibrations:
  missing = [name for name, scene in scenes.items() if files.CALIBRATION not in scene.tables]
  if missing:
    skip = f'leave scenes out with --skip_scenes={",".join(missing)}, '
    raise errors.UserError(
      f'{", ".join(scenes[name].home for name in missing)}: no {files.CALIBRATION}; '
      f'--registration={mode} needs it. Download it, '
      + skip * (len(missing) < len(scenes))
      + 'or use --registration=none, which works without.'
    )
  tables = {name: scene.tables[files.CALIBRATION] for name, scene in scenes.items()}
  return {
    name: calibration_lib.read_calibration(file.shown, reader.read(file))
    for name, file in tables.items()
  }


def _registration_notes(mode: str, plane_depth: float, calibrations: Calibrations) -> list[str]:
  if mode == 'none':
    return [
      'RGB and thermal are not registered, so the images of a pair are shifted against each other; '
      '--registration=depth brings the thermal frames into the RGB view.'
    ]
  notes = [note for calibration in calibrations.values() for note in calibration.notes]
  for name, calibration in calibrations.items():
    plane = registration_lib.nearest_plane(calibration, plane_depth)
    depth = float(calibration.centers_rgb[plane, 2])
    if mode == 'plane' and abs(depth - plane_depth) > _FAR_PLANE * plane_depth:
      notes.append(
        f'Scene {name}: the calibrated plane nearest to --plane_depth={plane_depth:g} '
        f'is at {depth:.0f} mm.'
      )
  if '2' in calibrations:
    notes.append(
      'Scene 2: its calibration is said to be doubtful; look at its pairs, or leave it out with '
      '--skip_scenes=2.'
    )
  return notes


def _name(pairs: list[Example], tables: dict[str, StoredFile], options: dict[str, Any]) -> str:
  """Returns `<split_by>-<registration>-<12 hex digits>`; the digits are of files and options."""
  lines = [
    f'{option}={value}'
    for option, value in sorted(options.items())
    if option != 'plane_depth' or options['registration'] == 'plane'
  ]
  named = [(pair.id, kind, file) for pair in pairs for kind, file in pair.files.items()]
  named += [(scene, files.CALIBRATION, file) for scene, file in tables.items()]
  lines += [
    f'{id_}\t{kind}\t{os.path.basename(file.name)}\t{file.size}\t{file.stamp}'
    for id_, kind, file in named
  ]
  digest = hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:12]
  return f'{options["split_by"]}-{options["registration"]}-{digest}'
