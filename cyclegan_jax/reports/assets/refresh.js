'use strict';

// The page of a run that trains loads itself again, at the same place. Training writes it at each
// checkpoint, so the older it is, the rarer one looks; and not while somebody is reading closely.
const written = Date.parse(document.body.dataset.written);
let touched = 0;
['pointerdown', 'keydown', 'wheel', 'touchmove'].forEach(
    (kind) => addEventListener(kind, () => {
      touched = Date.now();
    }, {passive: true}));

function wait() {
  const age = (Date.now() - written) / 1000;
  setTimeout(() => {
    const isBusy = Date.now() - touched < 10_000 || document.hidden ||
        !getSelection().isCollapsed || document.querySelector('details[open]');
    if (isBusy) wait();
    else location.reload();
  }, 1000 * Math.max(Number(document.body.dataset.every), Math.min(age / 10, 600)));
}
wait();
