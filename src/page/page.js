// Keeps the page of `segue serve` current. The server's HTML says it all; this
// fetches it again when something has happened and takes over what differs, so
// that focus, open lists and the place on the page stay.
'use strict';

(() => {
  const EVENTS = ['ready', 'settled', 'failed', 'progress', 'status', 'stale', 'message'];
  // Not more often than this, however many events come.
  const PAUSE_MS = 250;
  // How long until a closed stream is opened again; a dropped one the browser
  // opens by itself.
  const RETRY_MS = 3000;

  let ahead = 0; // the server's clock, minus ours
  let fetching = false;
  let wanted = false;

  const say = (state, text) => {
    const link = document.getElementById('link');
    if (!link) return;
    link.hidden = false;
    link.dataset.state = state;
    if (link.textContent !== text) link.textContent = text;
  };
  const live = () => say('live', 'live');
  const lost = () => say('lost', 'connection lost, trying again');

  const ago = (seconds) => {
    const of = (number, unit) => `${number} ${unit}${number === 1 ? '' : 's'} ago`;
    if (seconds < 5) return 'just now';
    if (seconds < 60) return of(Math.floor(seconds / 5) * 5, 'second');
    if (seconds < 3600) return of(Math.floor(seconds / 60), 'minute');
    if (seconds < 172800) return of(Math.floor(seconds / 3600), 'hour');
    return of(Math.floor(seconds / 86400), 'day');
  };

  const tick = () => {
    const now = Date.now() + ahead;
    for (const span of document.querySelectorAll('.ago')) {
      const since = Date.parse(span.dataset.since);
      const text = Number.isNaN(since) ? '' : ago(Math.max(0, (now - since) / 1000));
      if (span.textContent !== text) span.textContent = text;
    }
  };

  // Whether what the page has there is its own.
  const isOurs = (node) =>
    node.nodeType === Node.ELEMENT_NODE && (node.id === 'link' || node.nodeName === 'NOSCRIPT');

  const attributes = (old, next) => {
    for (const { name, value } of next.attributes) {
      // Whether a list is open is the reader's to say.
      if (name === 'open' && old.nodeName === 'DETAILS') continue;
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (name === 'open' && old.nodeName === 'DETAILS') continue;
      if (!next.hasAttribute(name)) old.removeAttribute(name);
    }
  };

  // Makes `old` what `next` is, and keeps each element that has a counterpart:
  // the one of the same id, or else the next of the same kind.
  const morph = (old, next) => {
    attributes(old, next);
    if (old.classList.contains('ago')) return;
    const ids = new Set([...next.children].map((child) => child.id).filter(Boolean));
    const known = new Map();
    for (const child of [...old.children]) {
      if (!child.id) continue;
      if (ids.has(child.id)) known.set(child.id, child);
      else child.remove();
    }
    let at = old.firstChild;
    for (const wish of [...next.childNodes]) {
      let match = null;
      if (wish.id) match = known.get(wish.id) ?? null;
      else if (at && !at.id && at.nodeName === wish.nodeName) match = at;
      if (!match || match.nodeName !== wish.nodeName) {
        old.insertBefore(document.importNode(wish, true), at);
        continue;
      }
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      if (isOurs(match)) continue;
      if (match.nodeType === Node.ELEMENT_NODE) morph(match, wish);
      else if (match.data !== wish.data) match.data = wish.data;
    }
    while (at) {
      const rest = at.nextSibling;
      at.remove();
      at = rest;
    }
  };

  const take = (html) => {
    const next = new DOMParser().parseFromString(html, 'text/html');
    // What is no page of ours, a proxy's error for example, is not taken over.
    if (!next.getElementById('state')) throw new Error('not the page');
    const focused = document.activeElement;
    attributes(document.documentElement, next.documentElement);
    if (document.title !== next.title) document.title = next.title;
    const [icon, nextIcon] = [document, next].map((one) => one.querySelector('link[rel=icon]'));
    if (icon && nextIcon && icon.href !== nextIcon.href) icon.href = nextIcon.href;
    morph(document.body, next.body);
    // An element that was moved has lost it.
    if (focused && focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true });
    }
    tick();
  };

  const refresh = async () => {
    wanted = true;
    if (fetching) return;
    fetching = true;
    while (wanted) {
      wanted = false;
      try {
        const response = await fetch('.', { cache: 'no-store', headers: { Accept: 'text/html' } });
        const date = Date.parse(response.headers.get('Date') ?? '');
        if (!Number.isNaN(date) && Math.abs(date - Date.now()) > 2000) ahead = date - Date.now();
        take(await response.text());
      } catch {
        lost();
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    fetching = false;
  };

  const follow = () => {
    const events = new EventSource('events');
    events.addEventListener('open', () => {
      live();
      refresh();
    });
    for (const name of EVENTS) events.addEventListener(name, refresh);
    events.addEventListener('error', () => {
      lost();
      if (events.readyState === EventSource.CLOSED) {
        events.close();
        setTimeout(follow, RETRY_MS);
      }
    });
  };

  tick();
  setInterval(tick, 5000);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') refresh();
  });
  follow();
})();
