// Makes the pages livelier; all of them work without it.
'use strict';
(() => {
  const all = (where, what) => [...where.querySelectorAll(what)];
  const reads = (path) => fetch(path, { headers: { accept: 'text/html' }, credentials: 'same-origin' });

  const ready = (where) => {
    for (const thing of all(where, '[data-copy][hidden], [data-scripted][hidden]')) thing.hidden = false;
  };
  ready(document);

  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Not copied';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });

  // Choosing columns shows them at once.
  document.addEventListener('change', (event) => {
    const group = event.target.closest('[data-submit]');
    if (!group || event.target.type !== 'checkbox') return;
    group.querySelector('[data-chosen]').disabled = false;
    try { sessionStorage.setItem('open', group.dataset.submit); } catch { /* it stays closed */ }
    group.closest('form').requestSubmit();
  });
  try {
    const open = sessionStorage.getItem('open');
    sessionStorage.removeItem('open');
    const group = open && document.querySelector(`[data-submit="${CSS.escape(open)}"]`);
    if (group) group.closest('details').open = true;
  } catch { /* no storage */ }

  // A page that is live is read again, and what has changed is put in its place.
  const before = new Map();
  const parts = (where) => all(where, '[data-part]');
  for (const part of parts(document)) before.set(part.dataset.part, part.outerHTML);
  const renew = (fresh) => {
    for (const part of parts(fresh)) {
      const name = part.dataset.part;
      if (before.get(name) === part.outerHTML) continue;
      before.set(name, part.outerHTML);
      const old = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
      if (!old) continue;
      const opened = all(old, 'details').map((details) => details.open);
      const replacement = document.importNode(part, true);
      all(replacement, 'details').forEach((details, at) => { details.open = opened[at] ?? details.open; });
      ready(replacement);
      old.replaceWith(replacement);
    }
    for (const old of parts(document)) {
      if (!fresh.querySelector(`[data-part="${CSS.escape(old.dataset.part)}"]`)) old.remove();
    }
    const rows = document.querySelector('[data-rows]');
    const freshRows = fresh.querySelector('[data-rows]');
    if (rows && freshRows) renewRows(rows, freshRows);
  };
  const renewRows = (rows, fresh) => {
    const known = new Map(all(rows, 'tr').map((row) => [row.dataset.run, row]));
    const wanted = [...fresh.children].map((row) => {
      const old = known.get(row.dataset.run);
      const made = document.importNode(row, true);
      if (!old) return made;
      const tick = old.querySelector('input');
      const isSame = old.innerHTML === made.innerHTML;
      if (isSame || old.contains(document.activeElement)) return old;
      if (tick && made.querySelector('input')) made.querySelector('input').checked = tick.checked;
      return made;
    });
    const isSame = wanted.length === rows.children.length && wanted.every((row, at) => row === rows.children[at]);
    if (!isSame) rows.replaceChildren(...wanted);
  };
  if (document.body.hasAttribute('data-live')) {
    const gone = document.getElementById('gone');
    const look = async () => {
      if (!document.hidden) {
        try {
          const answer = await reads(location.href);
          gone.hidden = true;
          if (answer.ok) renew(new DOMParser().parseFromString(await answer.text(), 'text/html'));
        } catch {
          gone.hidden = false;
        }
      }
      setTimeout(look, document.querySelector('main .status.run, main .status.wait') ? 1500 : 5000);
    };
    setTimeout(look, 1500);
  }

  // A log that is followed.
  const log = document.querySelector('[data-follow]');
  if (log) {
    log.scrollTop = log.scrollHeight;
    let next = Number(log.dataset.next);
    const look = async () => {
      try {
        const answer = await reads(`${log.dataset.follow}?from=${next}`);
        if (answer.ok) {
          const text = await answer.text();
          const at = Number(answer.headers.get('x-next'));
          if (at < next) log.textContent = '';
          next = at;
          if (text) log.append(text);
          const follow = document.getElementById('follow');
          if (text && (!follow || follow.checked)) log.scrollTop = log.scrollHeight;
          if (answer.headers.get('x-over')) return;
        }
      } catch { /* again later */ }
      setTimeout(look, 700);
    };
    look();
  }

  // A note is read out and is where the keyboard goes on.
  const note = document.querySelector('.note[tabindex]');
  if (note) note.focus({ preventScroll: true });

  // Pointing at a chart names the nearest values.
  const points = (path) => [...path.getAttribute('d').matchAll(/[ML]([-\d.]+) ([-\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])]);
  const value = (axis, at) => axis[0] + ((at - axis[2]) / (axis[3] - axis[2])) * (axis[1] - axis[0]);
  const said = (number) => String(Number(number.toPrecision(3)));
  document.addEventListener('pointermove', (event) => {
    const plot = event.target.closest?.('.plot');
    for (const other of all(document, '.cursor')) if (other.parentNode !== plot) other.remove();
    for (const other of all(document, '.readout')) if (!plot || !plot.parentNode.contains(other)) other.hidden = true;
    if (!plot) return;
    const [x, y] = [plot.dataset.x, plot.dataset.y].map((text) => text.split(' ').map(Number));
    const across = ((event.clientX - plot.getBoundingClientRect().left) / plot.getBoundingClientRect().width) * plot.viewBox.baseVal.width;
    const near = all(plot, '.line').map((line) => {
      const list = points(line);
      return list.length && { line, point: list.reduce((best, p) => (Math.abs(p[0] - across) < Math.abs(best[0] - across) ? p : best)) };
    }).filter(Boolean);
    if (!near.length) return;
    const place = near.reduce((best, n) => (Math.abs(n.point[0] - across) < Math.abs(best - across) ? n.point[0] : best), Infinity);
    let cursor = plot.querySelector('.cursor');
    if (!cursor) {
      cursor = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      cursor.setAttribute('class', 'cursor');
      plot.append(cursor);
    }
    cursor.setAttribute('d', `M${place} ${y[3]}V${y[2]}`);
    const readout = plot.parentNode.querySelector('.readout');
    readout.hidden = false;
    const values = near.map((n) => (near.length > 1 ? `${n.line.dataset.name}: ` : '') + said(value(y, n.point[1])));
    readout.textContent = `${Math.round(value(x, place))}: ≈ ${values.join(', ')}`;
  });

  // Pointing at a run in a chart of many, or in the table below, shows which it is in all of them.
  document.addEventListener('pointerover', (event) => {
    const over = event.target.closest?.('.runplot a, .charted tr');
    const href = over && (over.matches('tr') ? over.querySelector('a') : over)?.getAttribute('href');
    for (const run of all(document, '.runplot a')) run.classList.toggle('at', run.getAttribute('href') === href);
    const name = document.querySelector('.runplot a.at title')?.textContent ?? '';
    for (const named of all(document, '.named')) named.textContent = name;
  });
})();
