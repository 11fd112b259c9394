'use strict';

// Charts: the value next to the pointer, the finger, or, by arrow keys, to the one before.
function chartValues(svg) {
  const values = JSON.parse(svg.dataset.values);
  if (!values.length) return;
  const byX = 'byX' in svg.dataset;
  // The box of tip.js takes their place.
  svg.querySelectorAll('title').forEach((title) => title.remove());
  const make = (tag, kind, places) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    Object.entries({class: kind, visibility: 'hidden', ...places}).forEach(
        ([name, value]) => element.setAttribute(name, value));
    svg.append(element);
    return element;
  };
  const {width, height} = svg.viewBox.baseVal;
  const guide = make(byX ? 'line' : 'circle', 'guide', byX ? {y1: 10, y2: height - 30} : {r: 5});
  let at = values.length - 1;
  const show = (index, byKey) => {
    at = index;
    const [x, y, text] = values[at];
    Object.entries(byX ? {x1: x, x2: x} : {cx: x, cy: y}).forEach(
        ([name, value]) => guide.setAttribute(name, value));
    guide.setAttribute('visibility', 'visible');
    const box = svg.getBoundingClientRect();
    tip.show(text, box.left + x / width * box.width, box.top + y / height * box.height,
        byKey ? svg : null);
  };
  const hide = () => {
    guide.setAttribute('visibility', 'hidden');
    tip.hide();
  };
  const follow = (event) => {
    const box = svg.getBoundingClientRect();
    const px = (event.clientX - box.left) / box.width * width;
    const py = (event.clientY - box.top) / box.height * height;
    const far = values.map(([x, y]) => Math.hypot(x - px, byX ? 0 : y - py));
    show(far.indexOf(Math.min(...far)), false);
  };
  svg.addEventListener('pointermove', follow);
  svg.addEventListener('pointerdown', follow);
  svg.addEventListener('pointerleave', (event) => {
    if (event.pointerType === 'mouse') hide();
  });
  svg.tabIndex = 0;
  svg.addEventListener('focus', () => {
    if (svg.matches(':focus-visible')) show(at, true);
  });
  svg.addEventListener('blur', hide);
  const to = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1};
  svg.addEventListener('keydown', (event) => {
    if (!(event.key in to)) return;
    event.preventDefault();
    show(Math.max(0, Math.min(values.length - 1, at + to[event.key])), true);
  });
}

document.querySelectorAll('svg[data-values]').forEach(chartValues);
