"""AAU's registration, on a rig of cameras whose true map is known."""

import dataclasses
import sys

import numpy as np
import pytest

from cyclegan_jax import errors
from cyclegan_jax.image_files import images
from datasets.aau import points as points_lib, registration
from tests.datasets import aau_trees

cv2 = pytest.importorskip('cv2', reason='needs the extra aau: pip install ".[aau]"')

HEIGHT, WIDTH = 240, 320
RIG = aau_trees.rig(HEIGHT, WIDTH)


@pytest.fixture(name='calibration', scope='module')
def fixture_calibration(tmp_path_factory):
  return aau_trees.read(aau_trees.write(tmp_path_factory.mktemp('aau') / 'calibVars.yml'))


def register(image, calibration, mode, depth_image=None, *, nearest=False, **kwargs):
  """The registered image, or as labels if `nearest`; and the mask."""
  found = registration.register(
    image, calibration, mode, depth_image, labels=image if nearest else None, **kwargs
  )
  assert nearest or found.labels is None
  return found.labels if nearest else found.image, found.mask


def coded_images():
  """Thermal images of 16 bits that hold their own x and y coordinates, times 100."""
  y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.uint16) * 100 + 1
  return x[..., None], y[..., None]


def deviations(calibration, depth, mode, depth_image=None, **kwargs):
  """Distance [HEIGHT, WIDTH] in pixels from where the surface truly is; the mask."""
  truth = RIG.to_thermal(RIG.rays() * depth[..., None])
  found = [register(image, calibration, mode, depth_image, **kwargs) for image in coded_images()]
  seen = np.concatenate([image for image, _ in found], -1) / 100.0 - 0.01
  mask = found[0][1][..., 0]
  inside = ((truth >= 0) & (truth <= (WIDTH - 1, HEIGHT - 1))).all(-1)
  return np.linalg.norm(seen - truth, axis=-1), mask, inside


def slanted(x, y):
  return 1700 + 2.5 * x + 1.2 * y


def stepped(x, y):
  return np.where(x + 0 * y < 130, 1650.0, 2450.0)


@pytest.mark.parametrize(
  'lens',
  [
    RIG.rgb_lens,
    RIG.thermal_lens[:4],
    np.array([0.1, -0.05, 0.001, 0.002, 0.01, 0.02, 0.03, -0.01]),
  ],
)
def test_lens_model_is_opencvs(lens):
  pixels = np.stack(np.meshgrid(np.arange(0.0, WIDTH, 7), np.arange(0.0, HEIGHT, 7)), -1)
  ideal = points_lib.undistort_points(pixels, RIG.rgb, lens)
  np.testing.assert_allclose(points_lib.distort_points(ideal, RIG.rgb, lens), pixels, atol=0.02)
  points = points_lib.back_project(ideal, np.full(ideal.shape[:2], 900.0), RIG.rgb)
  seen = cv2.projectPoints(points.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), RIG.rgb, lens)[0]
  np.testing.assert_allclose(seen.reshape(pixels.shape), pixels, atol=0.02)


def test_points_beyond_the_lens_model_are_nan():
  far = np.array([[1500.0, 1500], [160, 120]])
  seen = points_lib.distort_points(far, RIG.rgb, np.array([-0.3, 0, 0, 0]))
  assert np.isnan(seen[0]).all() and np.isfinite(seen[1]).all()


def test_blend_by_octant_and_inverse_distance():
  centers = np.array([[10.0, 10, 10], [20, 20, 20], [-30, -30, -30]])
  homographies = np.array([1.0, 50, 5])[:, None, None] * np.ones((3, 3))
  blended = points_lib.blend_homographies(np.zeros((1, 3)), centers, homographies)
  np.testing.assert_allclose(blended[0], (1 * 3 + 5 * 1) / 4, rtol=1e-4)
  # An empty octant counts for nothing, and a point on a center takes that one alone.
  exact = points_lib.blend_homographies(centers[1:2], centers, homographies)
  np.testing.assert_allclose(exact[0], 50, rtol=1e-3)


def test_blend_against_a_plain_loop():
  rng = np.random.default_rng(0)
  centers, points = rng.normal(0, 500, (40, 3)), rng.normal(0, 300, (60, 3))
  homographies = rng.normal(0, 1, (40, 3, 3))
  blended = points_lib.blend_homographies(points.reshape(6, 10, 3), centers, homographies)
  for point, found in zip(points, blended.reshape(-1, 3, 3)):
    nearest = {}
    for center, homography in zip(centers, homographies):
      distance = np.linalg.norm(center - point)
      octant = tuple(center >= point)
      nearest[octant] = min(
        nearest.get(octant, (np.inf, None)), (distance, homography), key=lambda pair: pair[0]
      )
    weights = [1 / distance for distance, _ in nearest.values()]
    expected = np.average([h for _, h in nearest.values()], axis=0, weights=weights)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize('depth', [1500.0, 2100.0])
def test_plane_mode_on_its_plane(calibration, depth):
  missed, mask, inside = deviations(
    calibration, np.full((HEIGHT, WIDTH), depth), 'plane', depth_mm=depth + 30
  )
  assert missed[mask].max() < 0.15
  # The mask differs from the truth by the width of a rounding error only.
  assert (mask != inside).mean() < 0.002 and 0.5 < mask.mean() < 1
  image, _ = register(coded_images()[0], calibration, 'plane', depth_mm=depth)
  assert not image[~mask].any()


def test_nearest_plane_leaves_out_the_discarded(calibration):
  center = calibration.centers_rgb[registration.nearest_plane(calibration, 1500)]
  np.testing.assert_allclose(center, (0, 0, 1500), atol=1e-6)
  discarded = dataclasses.replace(calibration, discarded=calibration.centers_rgb[:, 2] == 1500)
  index = registration.nearest_plane(discarded, 1510)
  assert discarded.centers_rgb[index, 2] == 1600


@pytest.mark.parametrize('scene', [slanted, stepped])
def test_depth_mode(calibration, scene):
  depth = RIG.seen_depth(scene)
  missed, mask, _ = deviations(calibration, depth, 'depth', RIG.depth_camera(scene))
  # Where the depth jumps, the nearest pixel of the depth image may be on either side.
  edge = cv2.morphologyEx(depth, cv2.MORPH_GRADIENT, np.ones((5, 5))) > 100
  assert edge.mean() < 0.03 and 0.5 < mask.mean() < 1
  assert missed[mask & ~edge].max() < 1
  assert np.median(missed[mask]) < 0.4


def test_depth_is_that_of_the_rgb_view(calibration):
  raw = RIG.depth_camera(slanted)
  raw[60:90, 100:140] = 0
  found = registration.register(coded_images()[0], calibration, 'depth', raw)
  truth, known = RIG.seen_depth(slanted) / 10, found.depth > 0
  assert found.depth.dtype == np.uint16 and 0.5 < known.mean() < 1
  assert np.abs(found.depth[known] - truth[known]).max() < 3  # cm
  assert not found.mask[..., 0][~known].any()


def test_missing_depth(calibration, tmp_path):
  raw = RIG.depth_camera(slanted)
  raw[60:90, 100:140] = 0
  cv2.imwrite(str(tmp_path / 'depth.png'), raw)
  raw = cv2.imread(str(tmp_path / 'depth.png'), cv2.IMREAD_UNCHANGED)
  _, holes, _ = deviations(calibration, RIG.seen_depth(slanted), 'depth', raw[..., None])
  _, whole, _ = deviations(calibration, RIG.seen_depth(slanted), 'depth', RIG.depth_camera(slanted))
  lost = whole & ~holes
  assert not (holes & ~whole).any()
  assert abs(lost.sum() - 30 * 40 / RIG.zoom**2) < 150
  # Not valid, but filled in as if it were at the default depth.
  image, _ = register(coded_images()[0], calibration, 'depth', raw)
  truth = RIG.to_thermal(RIG.rays() * 1500.0)[..., 0]
  assert np.abs(image[lost][:, 0] / 100.0 - 0.01 - truth[lost]).max() < 1


def test_depth_in_tenths_of_a_millimeter(calibration):
  raw = RIG.depth_camera(slanted)
  raw[60:90, 100:140] = 0
  tenths = np.where(raw, 10 * raw, 65535).astype(np.uint16)
  x, _ = coded_images()
  for found, expected in zip(
    register(x, calibration, 'depth', tenths), register(x, calibration, 'depth', raw)
  ):
    np.testing.assert_array_equal(found, expected)


def test_depth_image_or_tables_that_reach_outside(calibration):
  empty = np.zeros((HEIGHT, WIDTH), np.uint16)
  _, mask = register(coded_images()[0], calibration, 'depth', empty)
  assert not mask.any()
  none = dataclasses.replace(calibration, rgb_to_depth=np.full_like(calibration.rgb_to_depth, -1))
  _, mask = register(coded_images()[0], none, 'depth', RIG.depth_camera(slanted))
  assert not mask.any()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_none_is_a_plain_resize_without_opencv(calibration, dtype, monkeypatch):
  monkeypatch.setitem(sys.modules, 'cv2', None)
  ir = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (120, 160, 1), dtype)
  for size, how in (((240, 320), 'bicubic'), ((60, 80), 'area')):
    image, mask = register(ir, None, 'none', size=size)
    np.testing.assert_array_equal(image, images.resize(ir, size, how))
    assert mask.all() and mask.shape == (*size, 1) and image.dtype == dtype
    labels, _ = register(ir, None, 'none', size=size, nearest=True)
    assert labels.shape == (*size, 1) and labels.dtype == dtype and np.isin(labels, ir).all()
  np.testing.assert_array_equal(
    register(ir, None, 'none', size=(240, 320), nearest=True)[0], ir.repeat(2, 0).repeat(2, 1)
  )
  with pytest.raises(errors.UserError, match=r'\.\[aau\]'):
    register(np.zeros((HEIGHT, WIDTH, 1), dtype), calibration, 'plane')


@pytest.mark.parametrize('mode', ['plane', 'depth'])
def test_nearest_keeps_labels(calibration, mode):
  labels = (
    np.random.default_rng(0)
    .choice(np.array([0, 3, 200], np.uint8), (HEIGHT // 8, WIDTH // 8, 1))
    .repeat(8, 0)
    .repeat(8, 1)
  )
  arguments = calibration, mode, RIG.depth_camera(slanted)
  found, mask = register(labels, *arguments, nearest=True)
  smooth, smooth_mask = register(labels, *arguments)
  assert set(np.unique(found)) == {0, 3, 200}
  np.testing.assert_array_equal(mask, smooth_mask)
  # They agree wherever there is one label all around, which is three of four pixels here.
  assert np.mean(found == smooth) > 0.7


def test_sharing_a_blend_costs_little(calibration, monkeypatch):
  depth, raw = RIG.seen_depth(slanted), RIG.depth_camera(slanted)
  shared, mask, _ = deviations(calibration, depth, 'depth', raw)
  monkeypatch.setattr(registration, '_BLOCK', 1)
  monkeypatch.setattr(registration, '_DEPTH_STEP', 1e-6)
  single, _, _ = deviations(calibration, depth, 'depth', raw)
  assert np.median(shared[mask]) < np.median(single[mask]) + 0.05
  assert shared[mask].max() < single[mask].max() + 0.1


@pytest.mark.parametrize('mode', ['plane', 'depth'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_identity_keeps_values(calibration, mode, dtype):
  pinhole = np.array([[256.0, 0, 160], [0, 256, 120], [0, 0, 1]])  # Without rounding errors.
  same = dataclasses.replace(
    calibration,
    homographies=np.tile(np.eye(3), (len(RIG.depths) * 9, 1, 1)),
    rgb_matrix=pinhole,
    thermal_matrix=pinhole,
    rgb_distortion=np.zeros(4),
    thermal_distortion=np.zeros(4),
  )
  ir = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH, 1), dtype)
  depth = None if mode == 'plane' else RIG.depth_camera(slanted)
  image, mask = register(ir, same, mode, depth)
  np.testing.assert_array_equal(image, ir)
  assert image.dtype == dtype and (mask.all() if mode == 'plane' else mask.mean() > 0.8)
