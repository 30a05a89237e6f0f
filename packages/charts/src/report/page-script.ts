/** The script of the report: theme button and CSV downloads. It reads data by id and never builds markup. */
export const PAGE_SCRIPT = `'use strict';
(() => {
  const root = document.documentElement;
  const button = document.getElementById('theme');
  const names = ['auto', 'light', 'dark'];
  const read = () => { try { return localStorage.getItem('workset-theme') || 'auto'; } catch { return 'auto'; } };
  const write = (name) => { try { localStorage.setItem('workset-theme', name); } catch { /* file:// may have no storage */ } };
  let theme = names.includes(read()) ? read() : 'auto';
  const show = () => {
    if (theme === 'auto') root.removeAttribute('data-theme'); else root.setAttribute('data-theme', theme);
    button.textContent = 'Theme: ' + theme;
  };
  button.hidden = false;
  button.addEventListener('click', () => { theme = names[(names.indexOf(theme) + 1) % 3]; write(theme); show(); });
  show();
  document.addEventListener('click', (event) => {
    const id = event.target instanceof HTMLButtonElement ? event.target.dataset.csv : undefined;
    if (id === undefined) return;
    const url = URL.createObjectURL(new Blob([JSON.parse(document.getElementById('csv-' + id).textContent)], { type: 'text/csv' }));
    const link = Object.assign(document.createElement('a'), { href: url, download: 'workset-' + id + '.csv' });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  });
})();
`;
