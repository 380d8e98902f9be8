// Makes small things easier; every page does without.
document.addEventListener('click', event => {
  const button = event.target.closest('[data-copy]');
  if (button) {
    const field = document.getElementById(button.dataset.copy);
    const done = () => { button.textContent = 'Copied'; setTimeout(() => { button.textContent = 'Copy' }, 1500) };
    const text = field.value ?? field.textContent;
    const old = () => { field.select?.(); if (document.execCommand('copy')) done() };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, old); else old();
  }
  for (const open of document.querySelectorAll('details.menu[open]'))
    if (!open.contains(event.target)) open.open = false;
});
document.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  for (const open of document.querySelectorAll('details.menu[open]')) {
    open.open = false;
    open.querySelector('summary').focus();
  }
});
document.addEventListener('focusin', event => { if (event.target.matches('.copy input')) event.target.select() });
document.addEventListener('change', event => { if (event.target.matches('select[data-go]')) event.target.form.requestSubmit() });
for (const button of document.querySelectorAll('[data-copy]')) button.hidden = false;
