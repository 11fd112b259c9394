'use strict';

// Buttons that copy a text of the page. Where the browser refuses, the text is shown and selected.
function copyButton(button) {
  const text = document.getElementById(button.dataset.copy);
  const said = document.getElementById(button.getAttribute('aria-describedby'));
  const select = () => {
    text.closest('details').open = true;
    getSelection().selectAllChildren(text);
    text.focus();
    said.textContent = 'Your browser does not let the page copy. The text is selected: press ' +
        'Ctrl+C, or ⌘C.';
  };
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      said.textContent = `${button.dataset.what} copied.`;
    } catch {
      select();
    }
  });
  button.hidden = false;
}

document.querySelectorAll('button[data-copy]').forEach(copyButton);
