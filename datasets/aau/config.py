"""What a prepared copy of AAU VAP Trimodal consists of, found by looking through its files."""

from collections.abc import Collection
import dataclasses
import math
import os
import pathlib

from cyclegan_jax.errors import UserError
from datasets import published
from datasets.aau import (
  annotations,
  calibration as calibration_lib,
  files,
  registration as registration_lib,
)
from datasets.archives import Reader, StoredFile
from datasets.published import Pair

Calibrations = dict[str, calibration_lib.Calibration]  # By scene.
# Kinds of frames, and what they are for people.
TITLES = {'rgb': 'RGB', 'ir': 'thermal', 'depth': 'depth'}

_HELD_OUT = {'sequence': ('3',)}
METHODS = ('paper', *_HELD_OUT)

MANUAL_INSTRUCTIONS = """\
Download https://www.kaggle.com/datasets/aalborguniversity/trimodal-people-segmentation (a zip; a
Kaggle account is needed) and put it into a folder, zipped or unpacked to TrimodalDataset/Scene 1,
Scene 2 and Scene 3, each with SyncRGB, SyncT, SyncD, rgbMasks, thermalMasks, annotations.csv and
calibVars.yml. Then name that folder: --source_dir=FOLDER, or DownloadConfig(manual_dir=FOLDER)."""

# A calibrated plane is worth a note if it is off by this share of the wanted depth.
_FAR_PLANE = 0.2


@dataclasses.dataclass(eq=False)
class AauConfig(published.Config):
  """The files of the data set, how they are read, and the pairs found; see aau_config().

  Attributes:
    calibrations: scene -> its calibration, unless registration is 'none'.
    tables: scene -> its calibVars.yml, unless registration is 'none'.
  """

  registration: str = 'none'
  plane_depth: float = 1500.0
  skip_scenes: str = ''
  calibrations: Calibrations = dataclasses.field(default_factory=dict, repr=False)
  tables: dict[str, StoredFile] = dataclasses.field(default_factory=dict, repr=False)


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
    skip_scenes: scenes to leave out, separated by commas, such as '1,3'.
    allow_unmatched: continue although scenes are missing or over 1 % of the frames have no partner.

  Returns:
    The configuration for `Builder(config=...)`. Its name changes with the names, sizes and
    content (zips) or times (folders) of the files, and with the options.

  Raises:
    UserError: files are missing or contradict each other, or an option is invalid; the message
      names the file or flag.
  """
  skipped = _check_options(split_by, registration, plane_depth, skip_scenes)
  source = published.source_folder(source_dir, MANUAL_INSTRUCTIONS)
  found, notes = files.scan(source)
  notes += _missing(source, found, notes, skipped, allow_unmatched)
  scenes = {name: scene for name, scene in found.items() if name not in skipped}
  pairs, unmatched, tables, calibrations = [], [], {}, {}
  with Reader() as reader:
    for name, scene in scenes.items():
      matched, alone, more = _match(name, scene, registration, reader)
      pairs, unmatched, notes = pairs + matched, unmatched + alone, notes + more
    if registration != 'none':
      tables = _calibration_files(scenes, registration)
      for name, file in tables.items():
        calibrations[name] = calibration_lib.read_calibration(file.shown, reader.read(file))
  notes += _registration_notes(registration, plane_depth, calibrations)
  options = {
    'allow_unmatched': allow_unmatched,
    'plane_depth': float(plane_depth),
    'registration': registration,
    'skip_scenes': skip_scenes,
    'split_by': split_by,
  }
  stored = [(f'{p.id}\t{files.FOLDERS[kind]}', f) for p in pairs for kind, f in p.files.items()]
  stored += [(f'{scene}\t{files.CALIBRATION}', file) for scene, file in tables.items()]
  # Other registrations give the same copy at any plane_depth.
  named = {k: v for k, v in options.items() if k != 'plane_depth' or registration == 'plane'}
  return published.make_config(
    AauConfig,
    source,
    pairs,
    unmatched,
    notes,
    _HELD_OUT,
    name=published.config_name(f'{split_by}-{registration}', named, stored),
    description=f'{len(pairs)} pairs, split by {split_by}, registration {registration}.',
    calibrations=calibrations,
    tables=tables,
    **options,
  )


def _check_options(split_by: str, mode: str, plane_depth: float, skip_scenes: str) -> set[str]:
  """Refuses invalid options and returns the scenes to skip."""
  published.check_option('split_by', split_by, METHODS)
  published.check_option('registration', mode, registration_lib.MODES)
  if not 0 < plane_depth < math.inf:
    raise UserError(f'--plane_depth={plane_depth}: must be a distance in mm above 0.')
  skipped = {scene.strip() for scene in skip_scenes.split(',')} if skip_scenes else set()
  if not skipped < set(files.SCENES):
    raise UserError(
      f'--skip_scenes={skip_scenes}: must be one or two of {", ".join(files.SCENES)}, separated by '
      'commas, such as 2 or 1,3.'
    )
  return skipped


def _missing(
  source: pathlib.Path, found: Collection[str], notes: list[str], skipped: set[str], allowed: bool
) -> list[str]:
  """Returns notes on scenes that are left out; UserError if they must not be."""
  missing = sorted(set(files.SCENES).difference(found, skipped))
  text = ', '.join(f'Scene {scene}' for scene in missing)
  if missing and not (allowed and set(found) - skipped):
    raise UserError(
      f'--source_dir={source}: {text} missing; found '
      f'{", ".join(f"Scene {scene}" for scene in found) or "none"}, expected Scene 1 to Scene 3. '
      f'{" ".join(notes)}\n{MANUAL_INSTRUCTIONS}\n'
      'To leave a scene out: --skip_scenes=2, or --allow_unmatched.'
    )
  left_out = [f'{text} missing: left out.'] if missing else []
  if unused := sorted(skipped.intersection(found)):
    left_out.append(f'Scene {", ".join(unused)} left out (--skip_scenes).')
  return left_out


def _match(
  name: str, scene: files.Scene, mode: str, reader: Reader
) -> tuple[list[Pair], list[StoredFile], list[str]]:
  """Returns pairs, frames without a partner and notes of one scene."""
  titles = {kind: title for kind, title in TITLES.items() if kind != 'depth' or mode == 'depth'}
  for kind in titles:
    if not scene.images[kind]:
      raise UserError(
        f'{scene.home}: no images in a folder {files.FOLDERS[kind]}; expected its frames. Download '
        f'them{", use another --registration" if kind == "depth" else ""}, or leave the scene out '
        f'with --skip_scenes={name}.'
      )
  frames, alone, notes = published.partners(
    f'Scene {name}', {title: scene.images[kind] for kind, title in titles.items()}
  )
  masks, mask_notes = annotations.find_masks(name, scene, reader)
  images = {kind: scene.images[kind] for kind in titles} | masks
  pairs = [
    Pair(f'{name}/{frame}', **{kind: by[frame] for kind, by in images.items() if frame in by})
    for frame in frames
  ]
  counts = ', '.join(f'{len(scene.images[kind])} {title}' for kind, title in titles.items())
  annotated = sum(pair.rgb_mask is not None for pair in pairs)
  summary = f'Scene {name}: {len(pairs)} pairs from {counts} frames; {annotated} are annotated.'
  return pairs, alone, [summary, *mask_notes, *notes]


def _calibration_files(scenes: dict[str, files.Scene], mode: str) -> dict[str, StoredFile]:
  """Returns scene -> its calibVars.yml; UserError if one is missing."""
  missing = [name for name, scene in scenes.items() if files.CALIBRATION not in scene.tables]
  if missing:
    skip = f'leave scenes out with --skip_scenes={",".join(missing)}, '
    raise UserError(
      f'{", ".join(scenes[name].home for name in missing)}: no {files.CALIBRATION}; '
      f'--registration={mode} needs it. Download it, '
      + skip * (len(missing) < len(scenes))
      + 'or use --registration=none, which works without.'
    )
  return {name: scene.tables[files.CALIBRATION] for name, scene in scenes.items()}


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
