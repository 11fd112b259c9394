'use strict';

// Larger images are translated small first, which takes a moment.
const PREVIEWED = 1.5e6, PREVIEW_SIDE = 512;
// Images that are this many times as large as in training are worth a word.
const LARGER = 1.5;
const MOST_FILES = 200;
// While the server is busy with images of others.
const MOST_TRIES = 60, SECONDS_BETWEEN_TRIES = 2;

const {maxBytes, maxPixels, suffix, training} = document.body.dataset;
const trainingSize = training ? training.split('x').map(Number) : null;
const view = makeView(byId('view'));
// Each: {file, name, side, image, original, result, state, said, ...}
const items = [];
let shown = null;
let working = false;
let request = null;
// Of the sliders that have been moved.
const commanded = new URLSearchParams();

function say(text, bad = false) {
  byId('message').textContent = text;
  byId('message').classList.toggle('bad', bad);
}

/** Counts the seconds beside the message, until the returned function is called. */
function startClock() {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  const update = () => { byId('clock').textContent = seconds() + ' s'; };
  const timer = setInterval(update, 100);
  return () => {
    clearInterval(timer);
    byId('clock').textContent = '';
    return seconds();
  };
}

/** The name of the file that a translation is saved as. */
function resultName(item) {
  const stem = item.name.replace(/\.[^.]*$/, '').replace(/[\\/:*?"<>|\x00-\x1f]/g, '_');
  return (stem.replace(/^\.+/, '') || 'image') + suffix + '.png';
}

function add(files) {
  const kept = Array.from(files).slice(0, MOST_FILES);
  const added = kept.map((file) => (
    {file, name: file.name, state: 'waiting', said: 'waits', side: 0, strangeness: 0}));
  if (!added.length) return;
  items.push(...added);
  added.forEach((item) => { item.button = makeButton(item); });
  fold(true);
  if (files.length > MOST_FILES) say(`Only the first ${MOST_FILES} images are translated.`, true);
  // Whoever adds images wants to see them.
  shown = added[0];
  render();
  work();
}

async function work() {
  if (working) return;
  working = true;
  let item;
  while ((item = items.find((one) => one.state === 'waiting'))) await translate(item);
  working = false;
}

/** Reads what the browser can say of a file, and chooses a size that the page accepts. */
async function prepare(item) {
  if (item.original) return;
  await item.file.slice(0, 1).arrayBuffer();  // Fails for folders.
  item.original = URL.createObjectURL(item.file);
  item.image = await loaded(item.original);
  if (!item.image) return;
  item.size = [item.image.naturalWidth, item.image.naturalHeight];
  item.sizes = sizes(...item.size, Number(maxPixels), trainingSize);
  item.side = item.sizes[0][0];
}

/** What is sent of an image: the file itself, or the image reduced. */
async function content(item, side) {
  if (!item.image || side >= Math.max(...item.size)) return item.file;
  return reduced(item.image, side);
}

async function translate(item) {
  item.state = 'working';
  const again = Boolean(item.result);
  const mine = item.turn = (item.turn || 0) + 1;
  const stop = startClock();
  const n = items.length > 1 ? ` (${items.indexOf(item) + 1} of ${items.length})` : '';
  try {
    await prepare(item).catch(() => { throw new Error(`${item.name} cannot be read.`); });
    say(`Translating ${item.name}${n}.`);
    item.said = 'translating';
    render();
    const [w, h] = item.size ? reducedSize(...item.size, item.side) : [0, 0];
    if (w * h > PREVIEWED && !again) {
      await send(item, mine, PREVIEW_SIDE, true);
      say(`A preview of ${item.name}${n}. All ${w}x${h} pixels follow.`);
    }
    await send(item, mine, item.side, false);
    item.state = 'done';
    item.said = `translated in ${stop()} s`;
    finish(item, n, again);
  } catch (error) {
    stop();
    if (item.turn !== mine) return;
    item.state = 'failed';
    item.said = error.message;
    say(error.message, true);
    render();
  }
}

/** Has the server translate an image, and keeps the answer. */
async function send(item, mine, side, isPreview) {
  const body = await content(item, side);
  if (body.size > Number(maxBytes)) {
    throw new Error(`This file is larger than the ${maxBytes / 2 ** 20} MiB that the page accepts.`);
  }
  request = new AbortController();
  const query = commanded.toString();
  let response, answer;
  try {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      // No name is sent, and a type that pages of other sites may not send unasked.
      response = await fetch(query ? `translate?${query}` : 'translate', {
        method: 'POST', body, signal: request.signal,
        headers: {'Content-Type': 'application/octet-stream'}});
      if (response.status !== 503) break;
      say(`Other images are being translated. ${item.name} waits.`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS_BETWEEN_TRIES));
    }
    answer = response.ok ? await response.blob() : await response.text();
  } catch (error) {
    throw new Error('The program does not answer. Is it still running?');
  }
  if (item.turn !== mine) throw new Error('');
  if (!response.ok) throw new Error(answer);
  if (item.result) URL.revokeObjectURL(item.result);
  item.result = URL.createObjectURL(answer);
  item.isPreview = isPreview;
  item.levels = query;
  item.strangeness = Number(response.headers.get('strangeness'));
  if (!item.size) {
    const picture = await loaded(item.result);
    item.size = [picture.naturalWidth, picture.naturalHeight];
  }
  render();
}

/** Says what has been done, and moves on to the result unless somebody is busy elsewhere. */
function finish(item, n, again) {
  const reach = item.image ? 'Move the boundary by mouse, finger or arrow keys.' :
      'Your browser cannot show the original, so there is nothing to compare with.';
  const small = item.image && item.side < Math.max(...item.size) ?
      ` at ${reducedSize(...item.size, item.side).join('x')}` : '';
  say(`Translated${n}${small} ${item.said.replace('translated ', '')}. ${reach}`);
  render();
  const idle = [document.body, byId('file'), byId('drop')].includes(document.activeElement) ||
      document.activeElement.classList.contains('example');
  if (item === shown && !again && idle) {
    (item.image ? view.input : byId('download')).focus({preventScroll: true});
  }
}

/** Brings the page up to date. */
function render() {
  byId('result').hidden = !shown || !shown.result;
  if (shown && shown.result) renderResult(shown);
  byId('all').hidden = items.length < 2;
  byId('download-all').hidden = items.filter((item) => item.state === 'done').length < 2;
  for (const item of items) {
    item.button.className = item.state;
    item.button.lastChild.textContent = item.said;
    if (item === shown) item.button.setAttribute('aria-current', 'true');
    else item.button.removeAttribute('aria-current');
  }
}

/** The entry of an image in the list of all. */
function makeButton(item) {
  const button = document.createElement('button');
  button.append(item.name, document.createElement('small'));
  button.addEventListener('click', () => {
    shown = item;
    render();
    // Sliders may have been moved since.
    if (item.state === 'done' && item.levels !== commanded.toString()) repeat();
  });
  const entry = document.createElement('li');
  entry.append(button);
  byId('files').append(entry);
  return button;
}

function renderResult(item) {
  byId('result-title').textContent = byId('result-title').title = item.name;
  byId('download').hidden = item.isPreview;
  byId('download').href = item.result;
  byId('download').download = resultName(item);
  const right = {source: item.result, name: item.isPreview ? 'preview' : 'translated'};
  const left = item.image ? {source: item.original, name: 'original'} : right;
  const size = item.image ? reducedSize(...item.size, item.side) : item.size;
  view.show(left, right, size, item.isPreview);
  const choice = byId('size');
  choice.replaceChildren(...(item.sizes || [[0, `full, ${item.size.join('x')}`]]).map(
      ([side, text]) => new Option(text, side, false, side === item.side)));
  choice.disabled = !item.image;
  showPalette();
  byId('unlike').hidden = !(item.strangeness > 1);
  byId('unlike').textContent = 'This image is unlike those that the model was trained on: the ' +
      `nearest of them is ${item.strangeness.toFixed(1)} times as far away as it is for 99 % of ` +
      'the test images. Do not rely on the result.';
  const scale = trainingSize ?
      Math.sqrt(size[0] * size[1] / (trainingSize[0] * trainingSize[1])) : 1;
  byId('larger').hidden = scale < LARGER || !item.sizes;
  byId('own-size').textContent = size.join('x');
}

function showPalette() {
  const choice = byId('palette');
  if (!choice) return;
  view.color(choice.value);
  byId('preview-only').hidden = !choice.value;
}

function fold(closed) {
  byId('drop').classList.toggle('folded', closed);
  byId('unfold').hidden = false;
  byId('unfold').textContent = closed ? 'More' : 'Less';
  byId('unfold').setAttribute('aria-expanded', String(!closed));
  view.fit();
}

/** Translates the image that is shown once more, as sliders and the choice of a size say now. */
function repeat() {
  if (!shown || shown.state === 'waiting') return;
  if (shown.state === 'working' && request) {
    shown.turn += 1;
    request.abort();
  }
  shown.state = 'waiting';
  work();
}

function resize(side) {
  shown.side = side;
  repeat();
}

for (const slider of document.querySelectorAll('#told input')) {
  slider.addEventListener('input', () => {
    const value = Number(slider.value);
    slider.nextElementSibling.textContent = `${value.toFixed(1)} ${slider.dataset.unit}`;
  });
  slider.addEventListener('change', () => {
    commanded.set(slider.name, slider.value);
    repeat();
  });
}
byId('size').addEventListener('change', (event) => resize(Number(event.target.value)));
byId('as-trained').addEventListener('click', () => resize(shown.sizes.at(-1)[0]));
if (byId('palette')) byId('palette').addEventListener('change', showPalette);
byId('unfold').addEventListener('click', () => fold(!byId('drop').classList.contains('folded')));
byId('download-all').addEventListener('click', () => {
  for (const item of items.filter((one) => one.state === 'done')) {
    const link = document.createElement('a');
    Object.assign(link, {href: item.result, download: resultName(item)});
    link.click();
  }
});
for (const button of document.querySelectorAll('.example')) {
  button.addEventListener('click', async () => {
    const answer = await fetch(button.dataset.source);
    add([new File([await answer.blob()], button.dataset.name)]);
  });
}
const drop = byId('drop');
byId('file').addEventListener('change', (event) => {
  add(event.target.files);
  event.target.value = '';  // So that the same file can be chosen again.
});
// The whole window takes files: one that misses the box must not replace the page.
window.addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
window.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) drop.classList.remove('over');
});
window.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  add(event.dataTransfer.files);
});
window.addEventListener('paste', (event) => add(event.clipboardData.files));
