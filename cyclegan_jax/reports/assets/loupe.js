'use strict';

const ZOOMS = [1, 2, 4, 8, 16, 32];

/** The pixels of a picture; null where the browser keeps them from the page. */
function pixelsOf(image) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  try {
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  } catch {
    return null;
  }
}

/** What a gray level of 0 to 255 means: '118' or '118 · 21.3 °C'; of an error without its start. */
function inWords(level, scale, isError) {
  const text = `${scale.most > 255 ? '≈ ' : ''}${Math.round(level / 255 * scale.most)}`;
  if (!('low' in scale)) return text;
  const value = level / 255 * (scale.high - scale.low) + (isError ? 0 : scale.low);
  return `${text} · ${value.toFixed(1)} ${isError ? scale.step : scale.unit}`;
}

/**
 * One cursor and one zoom for the pictures of a strip, and the values at that place.
 * Returns {zoom, factor}; zoom(by) goes by so many steps, factor() is what it comes to. Words for
 * those who cannot see go to said.
 */
function makeLoupe(strip, said, onZoom) {
  const layers = Array.from(strip.querySelectorAll('figure'), (figure) => {
    const cross = document.createElement('span');
    cross.className = 'cross';
    const frame = figure.querySelector('.frame');
    frame.append(cross);
    return {
      figure, frame, cross, image: frame.querySelector('img'), kind: figure.dataset.kind,
      scale: JSON.parse(figure.dataset.scale), value: figure.querySelector('.value')};
  });
  // The place under the cursor, and the left upper corner of what is seen, as shares of a picture.
  const view = {zoom: 0, u: 0.5, v: 0.5, left: 0, top: 0};
  const factor = () => ZOOMS[view.zoom];
  const inside = (value, most) => Math.max(0, Math.min(value, most));

  const levels = (layer) => {
    if (!layer.image.complete || !layer.image.naturalWidth) return null;
    if (layer.pixels === undefined) layer.pixels = pixelsOf(layer.image);
    if (!layer.pixels) return null;
    const {width, height, data} = layer.pixels;
    const at = 4 * (Math.floor(view.v * height) * width + Math.floor(view.u * width));
    return Array.from(data.slice(at, at + 3));
  };
  const texts = () => {
    const truth = layers.find(({kind}) => kind === 'true');
    let generated = null;
    // Each error stands after its generated image.
    return layers.map((layer) => {
      if (layer.kind === 'generated') generated = layer;
      if (layer.kind === 'error') {
        const [made, real] = [generated && levels(generated), truth && levels(truth)];
        if (!made || !real) return '';
        const error = made.reduce((sum, level, i) => sum + Math.abs(level - real[i]), 0) / 3;
        return inWords(error, layer.scale, true);
      }
      const found = levels(layer);
      if (!found) return '';
      const isGray = found.every((level) => level === found[0]);
      return layer.kind === 'source' || !isGray ? found.join(' ') :
          inWords(found[0], layer.scale, false);
    });
  };
  const draw = () => {
    layers.forEach(({image, cross}) => {
      image.style.transform =
          `scale(${factor()}) translate(${-100 * view.left}%, ${-100 * view.top}%)`;
      [[image.naturalWidth, view.u, view.left, 'left', 'width'],
       [image.naturalHeight, view.v, view.top, 'top', 'height']].forEach(
          ([size, at, start, side, extent]) => {
            const pixel = 1 / Math.max(size, 1);
            const begin = Math.floor(at / pixel) * pixel;
            cross.style[side] = `${100 * (begin - start) * factor()}%`;
            cross.style[extent] = `${100 * pixel * factor()}%`;
          });
    });
    const found = texts();
    layers.forEach(({value}, i) => {
      value.textContent = found[i];
    });
    const {naturalWidth, naturalHeight} = layers[0].image;
    said.textContent = `Column ${Math.floor(view.u * naturalWidth)}, ` +
        `row ${Math.floor(view.v * naturalHeight)}: ` +
        layers.map(({figure}, i) => `${figure.dataset.layer} ${found[i] || '-'}`).join('; ');
  };
  const look = (left, top) => {
    view.left = inside(left, 1 - 1 / factor());
    view.top = inside(top, 1 - 1 / factor());
  };
  const place = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const across = inside((event.clientX - box.left) / box.width, 0.9999);
    const down = inside((event.clientY - box.top) / box.height, 0.9999);
    [view.u, view.v] = [view.left + across / factor(), view.top + down / factor()];
  };
  const zoom = (by) => {
    const share = [(view.u - view.left) * factor(), (view.v - view.top) * factor()];
    view.zoom = inside(view.zoom + by, ZOOMS.length - 1);
    // The place under the cursor stays where it is.
    look(view.u - share[0] / factor(), view.v - share[1] / factor());
    strip.classList.toggle('zoomed', view.zoom > 0);
    draw();
    onZoom(factor());
  };

  layers.forEach(({frame}) => {
    let before = null;
    frame.addEventListener('pointermove', (event) => {
      const box = frame.getBoundingClientRect();
      // Where fingers move, browsers do not agree on movementX.
      if (event.buttons && view.zoom && before) {
        look(view.left - (event.clientX - before.x) / box.width / factor(),
            view.top - (event.clientY - before.y) / box.height / factor());
      }
      before = {x: event.clientX, y: event.clientY};
      place(event);
      draw();
    });
    frame.addEventListener('pointerdown', (event) => {
      before = {x: event.clientX, y: event.clientY};
      place(event);
      draw();
    });
    frame.addEventListener('dblclick', () => zoom(1));
    frame.addEventListener('dragstart', (event) => event.preventDefault());
  });
  const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  strip.tabIndex = 0;
  strip.setAttribute('role', 'group');
  strip.setAttribute('aria-label', 'Pictures; arrow keys move the cursor, + and - zoom');
  strip.addEventListener('keydown', (event) => {
    if (event.key === '+' || event.key === '-') zoom(event.key === '+' ? 1 : -1);
    if (!(event.key in steps)) return;
    event.preventDefault();
    const {naturalWidth, naturalHeight} = layers[0].image;
    view.u = inside(view.u + steps[event.key][0] / naturalWidth, 0.9999);
    view.v = inside(view.v + steps[event.key][1] / naturalHeight, 0.9999);
    // What is seen follows the cursor.
    const shown = 1 / factor();
    const keep = (at, start, size) => Math.min(Math.max(start, at - shown + 1 / size), at);
    look(keep(view.u, view.left, naturalWidth), keep(view.v, view.top, naturalHeight));
    draw();
  });
  return {zoom, factor};
}
