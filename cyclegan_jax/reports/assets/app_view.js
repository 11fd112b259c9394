'use strict';

// Small images are enlarged by whole numbers, up to this many pixels, and so many times.
const ENLARGED = 360, MOST_TIMES = 4;
// The share of the window's height that a result may take.
const SHARE = 0.7;
// Notes stand beside it, in columns this wide, unless the page is narrower than this.
const NOTES = 300, NARROW = 900;

// Longer sides that are offered.
const SIDES = [4096, 2048, 1024, 512];

const byId = (id) => document.getElementById(id);

/** An image element once it is loaded; null if the browser cannot show it, as TIFF files. */
function loaded(url) {
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => resolve(null);
    image.src = url;
  });
}

/** Width and height of an image whose longer side is reduced to a number of pixels. */
function reducedSize(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** A PNG file of an image element whose longer side is reduced. */
function reduced(image, side) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = reducedSize(image.naturalWidth, image.naturalHeight, side);
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}

/** The view of a result: as large as fits the window, and small images not blown up. */
function makeView(box) {
  const wipe = makeWipe('your image');
  let size = null;
  box.append(wipe.element);

  const fit = () => {
    if (!size) return;
    const [width, height] = size;
    const top = box.getBoundingClientRect().top + window.scrollY;
    // The names of the sides stand below, and the end of the page.
    const left = Math.max(window.innerHeight - top - 52, 160);
    const room = Math.min(SHARE * window.innerHeight, left);
    const times = Math.max(1, Math.min(MOST_TIMES, Math.floor(ENLARGED / Math.max(width, height))));
    const whole = box.parentElement.clientWidth;
    const across = whole < NARROW ? whole : whole - NOTES;
    const scale = Math.min(times, room / height, across / width);
    wipe.element.style.width = Math.max(1, Math.floor(scale * width)) + 'px';
    box.classList.toggle('crisp', scale * window.devicePixelRatio >= 2);
  };
  window.addEventListener('resize', fit);

  /** Shows two pictures {source, name}; [width, height] is what they stand for. */
  const show = (left, right, newSize, isPreview) => {
    size = newSize;
    wipe.show(left, right);
    box.classList.toggle('preview', isPreview);
    fit();
  };
  /** Colors the translation, the only picture if there is no original; '' shows its gray. */
  const color = (palette) => {
    const value = palette && `url(#${palette})`;
    wipe.element.querySelectorAll('.wipe img').forEach((image) => {
      image.style.filter = image.alt.startsWith('original') ? '' : value;
    });
    document.querySelectorAll('.ramp').forEach((ramp) => { ramp.style.filter = value; });
  };
  return {show, color, fit, input: wipe.input};
}

/** What the choice of sizes offers: [longer side in pixels, text]. */
function sizes(width, height, maxPixels, training) {
  const longer = Math.max(width, height);
  const shape = (side) => reducedSize(width, height, side);
  const pixels = (side) => shape(side).reduce((a, b) => a * b);
  let largest = Math.min(longer, Math.ceil(longer * Math.sqrt(maxPixels / (width * height))));
  while (pixels(largest) > maxPixels) largest -= 1;
  const found = [largest, ...SIDES.filter((side) => side < largest)].map((side) =>
      [side, side === longer ? `full, ${shape(side).join('x')}` : shape(side).join('x')]);
  if (training) {
    // As many pixels as the training images have.
    const [h, w] = training;
    const side = Math.round(longer * Math.sqrt(h * w / (width * height)));
    if (side < longer) found.push([side, `as in training, ${shape(side).join('x')}`]);
  }
  return found;
}
