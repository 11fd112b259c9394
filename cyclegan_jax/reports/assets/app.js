'use strict';

const byId = (id) => document.getElementById(id);
let wipe = null;
let urls = [];
// Answers to earlier images are dropped.
let latest = 0;
let current = null;
// Of the sliders that have been moved.
const commanded = new URLSearchParams();

function say(text, bad = false) {
  const message = byId('message');
  message.hidden = !text;
  message.textContent = text;
  message.classList.toggle('bad', bad);
}

/** Whether the browser can show an image; TIFF files for instance it cannot. */
function shows(url) {
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = url;
  });
}

async function show(file, png, focus) {
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [URL.createObjectURL(file), URL.createObjectURL(png)];
  const [before, after] = urls;
  if (!wipe) {
    wipe = makeWipe('your image');
    byId('view').append(wipe.element);
  }
  const visible = await shows(before);
  const right = {source: after, name: 'translated'};
  wipe.show(visible ? {source: before, name: 'original'} : right, right);
  byId('download').href = after;
  byId('result').hidden = false;
  say(visible ? 'Translated. Move the boundary by mouse, finger or arrow keys.' :
      'Translated. Your browser cannot show the original, so there is nothing to compare with.');
  // Where to go on: to the boundary, or straight to the file.
  if (focus) (visible ? wipe.input : byId('download')).focus();
}

async function translate(file, again = false) {
  const mine = ++latest;
  current = file;
  byId('result').hidden = !again;
  if (file.size > Number(document.body.dataset.maxBytes)) {
    say('This file is larger than the page accepts.', true);
    return;
  }
  say('Translating. The first image of a size takes longer.');
  try {
    // No name is sent, and a type that pages of other sites may not send unasked.
    const query = commanded.toString();
    const response = await fetch(query ? `translate?${query}` : 'translate', {
      method: 'POST', body: file, headers: {'Content-Type': 'application/octet-stream'}});
    const answer = response.ok ? await response.blob() : await response.text();
    if (mine !== latest) return;
    if (response.ok) {
      await show(file, answer, !again);
    } else {
      say(answer, true);
    }
  } catch (error) {
    if (mine === latest) say('The program does not answer. Is it still running?', true);
  }
}

for (const slider of document.querySelectorAll('#told input')) {
  slider.addEventListener('input', () => {
    const value = Number(slider.value);
    slider.nextElementSibling.textContent = `${value.toFixed(1)} ${slider.dataset.unit}`;
  });
  slider.addEventListener('change', () => {
    commanded.set(slider.name, slider.value);
    if (current) translate(current, true);
  });
}
const drop = byId('drop');
byId('file').addEventListener('change', (event) => {
  if (event.target.files.length) translate(event.target.files[0]);
});
// The whole window takes a file: one that misses the box must not replace the page.
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
  if (event.dataTransfer.files.length) translate(event.dataTransfer.files[0]);
});
window.addEventListener('paste', (event) => {
  if (event.clipboardData.files.length) translate(event.clipboardData.files[0]);
});
