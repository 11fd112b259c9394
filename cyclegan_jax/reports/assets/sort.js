'use strict';

// Tables: a button of the header sorts by its column, and again the other way round.
function cellText(row, column) {
  return row.cells[column].textContent.trim();
}

function toNumber(text) {
  if (text === '∞') return Infinity;
  return text === '' || isNaN(text) ? NaN : Number(text);
}

function sortRows(table, column, descending) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const numbers = rows.map((row) => toNumber(cellText(row, column)));
  const numeric = numbers.some((value) => !isNaN(value));
  const keyed = rows.map((row, i) => ({row, number: numbers[i], text: cellText(row, column)}));
  keyed.sort((a, b) => {
    if (!numeric) {
      const order = a.text.localeCompare(b.text, 'en', {numeric: true});
      return descending ? -order : order;
    }
    // What is no number comes last either way.
    if (isNaN(a.number) || isNaN(b.number)) return isNaN(a.number) - isNaN(b.number);
    if (a.number === b.number) return 0;
    return (a.number < b.number) === descending ? 1 : -1;
  });
  body.append(...keyed.map((entry) => entry.row));
  // What comes first is what one wants to see.
  table.parentElement.scrollTop = 0;
}

function sortable(table) {
  const said = document.createElement('p');
  said.className = 'hidden';
  said.setAttribute('role', 'status');
  table.parentElement.after(said);
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = head.querySelector('button');
    if (!button) return;
    button.addEventListener('click', () => {
      const descending = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach((other) => {
        if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', 'none');
      });
      head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      sortRows(table, column, descending);
      said.textContent = `Sorted by ${button.textContent}, ` +
          (descending ? 'descending.' : 'ascending.');
    });
  });
}

document.querySelectorAll('table.sortable').forEach(sortable);
