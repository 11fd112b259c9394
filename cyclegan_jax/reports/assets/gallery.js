'use strict';

// The gallery: which two pictures of each example lie on the left and on the right.
function gallery(list, choose) {
  const items = Array.from(list.children).map((item) => {
    const layers = new Map(Array.from(item.querySelectorAll('img[data-layer]'),
        (image) => [image.dataset.layer, image.src]));
    const wipe = makeWipe(item.querySelector('h3').textContent);
    item.querySelector('h3').after(wipe.element);
    return {layers, wipe};
  });
  const names = Array.from(new Set(items.flatMap((item) => Array.from(item.layers.keys()))));
  const selects = ['On the left', 'On the right'].map((text, side) => {
    const label = document.createElement('label');
    const select = document.createElement('select');
    names.forEach((name) => select.append(new Option(name, name)));
    const preferred = names.findIndex((name) => name.startsWith(side ? 'true' : 'generated'));
    select.selectedIndex = Math.max(0, preferred);
    label.append(text, select);
    choose.append(label);
    return select;
  });
  const update = () => {
    items.forEach(({layers, wipe}) => {
      // An example that one of the runs was not measured on lacks that picture.
      const [left, right] = selects.map((select) => ({
        name: layers.has(select.value) ? select.value : layers.keys().next().value}));
      left.source = layers.get(left.name);
      right.source = layers.get(right.name);
      wipe.show(left, right);
    });
  };
  selects.forEach((select) => select.addEventListener('change', update));
  update();
}

document.querySelectorAll('.gallery').forEach(
    (list) => gallery(list, document.querySelector('.choose')));
