// The language of the page: kept between visits, told to whoever listens.

export const LANGUAGES = ["ru", "en"];
const KEY = "kvitok.language";
const listeners = new Set();
let current = remembered();

function remembered() {
  try {
    const kept = localStorage.getItem(KEY);
    return LANGUAGES.includes(kept) ? kept : LANGUAGES[0];
  } catch {
    return LANGUAGES[0];
  }
}

export const language = () => current;

export function setLanguage(next) {
  if (!LANGUAGES.includes(next) || next === current) return;
  current = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A page that may not store anything still speaks both languages.
  }
  for (const listener of listeners) listener(next);
}

/** Calls `listener` after each change; returns what stops it. */
export function onLanguage(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
