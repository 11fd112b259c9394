'use strict';

// One box of words: beside what a pointer rests on, what has the focus, or what was tapped.
const tip = (() => {
  const box = document.createElement('div');
  box.className = 'tip';
  box.hidden = true;
  box.setAttribute('role', 'status');
  document.body.append(box);
  // What the box follows while the page scrolls, and how far it is from its corner.
  let anchor = null;
  const hide = () => {
    box.hidden = true;
  };
  const put = (x, y) => {
    const {width, height} = box.getBoundingClientRect();
    box.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - width - 8))}px`;
    box.style.top = `${y + 18 + height > innerHeight ? Math.max(8, y - height - 12) : y + 18}px`;
  };
  /** Shows a text near a place of the window, wholly inside of it; scrolling moves or hides it. */
  const show = (text, x, y, element = null) => {
    box.textContent = text;
    box.hidden = false;
    const corner = element?.getBoundingClientRect();
    anchor = element && {element, x: x - corner.left, y: y - corner.top};
    put(x, y);
  };
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') hide();
  });
  addEventListener('focusout', (event) => {
    if (anchor?.element.contains(event.target)) hide();
  });
  addEventListener('scroll', () => {
    if (box.hidden) return;
    if (!anchor) return hide();
    const {left, top} = anchor.element.getBoundingClientRect();
    put(left + anchor.x, top + anchor.y);
  }, {capture: true, passive: true});
  return {show, hide};
})();

/** What is to be said of an element: the whole of a text that is cut, and its data-tip. */
function tipOf(target) {
  const element = target.closest?.('[data-tip], th button') ?? target.closest?.('.cut');
  if (!element) return null;
  const name = element.classList.contains('cut') ? element : element.querySelector('.cut');
  const whole = name && name.scrollWidth > name.clientWidth ? name.textContent.trim() : '';
  const text = [whole, element.dataset.tip].filter(Boolean).join('\n');
  return text ? {element, text} : null;
}

document.addEventListener('pointerover', (event) => {
  const found = tipOf(event.target);
  if (found) tip.show(found.text, event.clientX, event.clientY);
});
document.addEventListener('pointerout', (event) => {
  // A finger that is lifted leaves the words it has called.
  if (event.pointerType === 'mouse' && tipOf(event.target)) tip.hide();
});
document.addEventListener('focusin', (event) => {
  const found = tipOf(event.target);
  if (!found) return;
  const place = found.element.getBoundingClientRect();
  tip.show(found.text, place.left, place.bottom - 12, found.element);
});
// Before what is pressed shows words of its own.
document.addEventListener('pointerdown', (event) => {
  if (!tipOf(event.target)) tip.hide();
}, {capture: true});
