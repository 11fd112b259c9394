'use strict';

/** Makes an element with a class, properties, and what it holds. */
function make(tag, kind, properties = {}, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  if (kind) element.className = kind;
  element.append(...content);
  return element;
}

// The gallery: one example at a time as a large strip, thumbnails that choose it, and a bar that
// stays in view: which pictures are shown, the slider, the zoom.
function gallery(list, choose) {
  const said = make('p', 'hidden');
  said.setAttribute('role', 'status');
  list.after(said);
  const items = Array.from(list.children, (element) => {
    const strip = element.querySelector('.strip');
    const layers = new Map(Array.from(strip.querySelectorAll('figure'),
        (figure) => [figure.dataset.layer, {
          figure, kind: figure.dataset.kind, source: figure.querySelector('img').src}]));
    const name = element.querySelector('.cut').textContent;
    return {element, strip, layers, name, badge: element.querySelector('.badge')};
  });
  const names = Array.from(new Set(items.flatMap(({layers}) => Array.from(layers.keys()))));
  let current = Math.max(0, items.findIndex(({badge}) => badge?.textContent === 'Median'));
  let comparing = false;

  const button = (text, label, action) => {
    const found = make('button', '', {type: 'button', textContent: text, onclick: action});
    if (label) found.setAttribute('aria-label', label);
    return found;
  };
  const toggles = names.map((name) => {
    const found = button(name, '', () => {
      found.ariaPressed = found.ariaPressed === 'true' ? 'false' : 'true';
      show();
    });
    found.ariaPressed = 'true';
    found.classList.add('cut');
    return found;
  });
  const selects = ['On the left', 'On the right'].map((text, side) => {
    const select = make('select', '', {onchange: () => show()},
        ...names.map((name) => new Option(name, name)));
    const preferred = names.findIndex((name) => items.some(
        ({layers}) => layers.get(name)?.kind === (side ? 'true' : 'generated')));
    select.selectedIndex = Math.max(0, preferred);
    return select;
  });
  const slider = button('Slider', '', () => {
    comparing = !comparing;
    show();
  });
  const magnified = make('span', 'magnified', {textContent: '1×'});
  const zoom = (by) => items[current].loupe.zoom(by);
  const layerGroup = make('span', 'group', {}, ...toggles);
  const pairGroup = make('span', 'group', {}, ...selects.map((select, side) =>
    make('label', '', {}, side ? 'On the right ' : 'On the left ', select)));
  const zoomGroup = make('span', 'group', {}, button('−', 'Zoom out', () => zoom(-1)), magnified,
      button('+', 'Zoom in', () => zoom(1)));
  choose.append(
      make('span', 'group', {}, button('‹', 'Previous image', () => go(current - 1)),
          button('›', 'Next image', () => go(current + 1))),
      slider, zoomGroup, layerGroup, pairGroup);

  const thumbs = items.map(({element, layers, name, badge}, index) => {
    const {source} = Array.from(layers.values()).find(({kind}) => kind === 'generated');
    const image = make('img', '', {loading: 'lazy', alt: '', src: source});
    const {brief} = element.dataset;
    const words = badge ? `${badge.textContent} ${brief}` : brief;
    const found = button('', `${words}: show ${name}`, () => go(index));
    found.append(image, ...(badge ? [badge.cloneNode(true), ' '] : []),
        make('span', '', {textContent: brief}));
    return found;
  });
  list.after(make('ul', 'thumbs', {}, ...thumbs.map((thumb) => make('li', '', {}, thumb))));
  list.classList.add('one');

  function show() {
    items.forEach(({element}, index) => element.classList.toggle('current', index === current));
    thumbs.forEach((thumb, index) => {
      thumb.ariaPressed = String(index === current);
    });
    const item = items[current];
    item.loupe ??= makeLoupe(item.strip, said, (factor) => {
      magnified.textContent = `${factor}×`;
    });
    magnified.textContent = `${item.loupe.factor()}×`;
    item.layers.forEach(({figure}, name) => {
      figure.hidden = toggles[names.indexOf(name)].ariaPressed !== 'true';
    });
    slider.ariaPressed = String(comparing);
    [layerGroup.hidden, zoomGroup.hidden, pairGroup.hidden] = [comparing, comparing, !comparing];
    item.strip.hidden = comparing;
    if (comparing && !item.wipe) {
      item.wipe = makeWipe(item.name);
      item.strip.after(item.wipe.element);
    }
    if (!item.wipe) return;
    item.wipe.element.hidden = !comparing;
    // An example that one of the runs was not measured on lacks that picture.
    const [left, right] = selects.map(({value}) => (
      {name: item.layers.has(value) ? value : item.layers.keys().next().value}));
    [left.source, right.source] = [left, right].map(({name}) => item.layers.get(name).source);
    item.wipe.show(left, right);
  }
  function go(index) {
    current = (index + items.length) % items.length;
    show();
  }
  // A link of a table leads to an example that may not be shown.
  const follow = () => {
    const found = items.findIndex(({element}) => `#${element.id}` === location.hash);
    if (found < 0) return;
    go(found);
    items[found].element.scrollIntoView();
  };
  addEventListener('hashchange', follow);
  show();
  follow();
}

document.querySelectorAll('.gallery').forEach(
    (list) => gallery(list, document.querySelector('.choose')));
