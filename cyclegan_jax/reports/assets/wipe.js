'use strict';

/**
 * Two pictures on top of each other and a slider that moves the boundary between them.
 * Returns {element, input, show}; show(left, right) takes {source, name} of each side.
 */
function makeWipe(title) {
  const make = (tag, kind, parent) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    parent.append(element);
    return element;
  };
  const element = document.createElement('div');
  const box = make('div', 'wipe', element);
  const under = make('img', '', box);
  const over = make('img', 'over', box);
  const edge = make('div', 'edge', box);
  const input = make('input', '', box);
  const sides = make('div', 'sides', element);
  sides.setAttribute('aria-hidden', 'true');
  const names = [make('span', '', sides), make('span', '', sides)];
  Object.assign(input, {type: 'range', min: 0, max: 100, step: 1, value: 50});
  input.setAttribute('aria-label', 'Boundary between two pictures of ' + title);
  const move = () => {
    const share = Number(input.value);
    // The left picture lies over the right one and is cut off at the boundary.
    over.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    edge.style.left = share + '%';
    input.setAttribute('aria-valuetext', `${names[0].textContent} ${share} %, ` +
        `${names[1].textContent} ${100 - share} %`);
  };
  input.addEventListener('input', move);
  const show = (left, right) => {
    [[over, left, 0], [under, right, 1]].forEach(([image, side, i]) => {
      image.src = side.source;
      image.alt = side.name + ' of ' + title;
      names[i].textContent = side.name;
    });
    move();
  };
  return {element, input, show};
}
