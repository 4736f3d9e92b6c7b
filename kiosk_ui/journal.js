// The kiosk's memory of money: written before anything else happens, read first after a restart.
//
// An entry is one payment attempt. Its id is made once and never changes; after `sealed` nothing
// that is sent changes either, so every repeat is the same request.
//   open     notes are being inserted
//   sealed   the person has finished; sent and repeated until the outcome is known
//   credited / refused   the outcome, definite
// Kept in localStorage now; a durable journal behind the same functions comes with real devices.
import { nowText } from "../ui_kit/dates.js";

const KEY = "kvitok.kiosk.journal";
const SETTLED_KEPT = 50;
const UNFINISHED = ["open", "sealed"];

/** Whether the journal can be written at all; no money may be taken otherwise. */
export function canKeep() {
  try {
    write(read());
    return true;
  } catch {
    return false;
  }
}

/** A new attempt; it is not written before there is money in it. */
export function newEntry({ account, services, due_kopecks, max_kopecks, min_kopecks, readings }) {
  return {
    agent_payment_id: newId(),
    state: "open",
    account,
    services,
    due_kopecks,
    min_kopecks,
    max_kopecks,
    readings,
    notes: [],
    paid_at: null,
    attempts: 0,
    outcome: null,
  };
}

export const insertedKopecks = (entry) => entry.notes.reduce((sum, note) => sum + note, 0);

/** The entry with one more note, already written. Throws when it cannot be written. */
export const addNote = (entry, kopecks) => keep({ ...entry, notes: [...entry.notes, kopecks] });

/** No more notes: from here on the request to the server never changes. */
export const seal = (entry) => keep({ ...entry, state: "sealed", paid_at: nowText() });

/** The definite outcome: credited with the server's answer, or refused with its error. */
export const settle = (entry, state, outcome) => keep({ ...entry, state, outcome });

export const countAttempt = (entry) => keep({ ...entry, attempts: entry.attempts + 1 });

/** Entries whose outcome is not known yet, oldest first. */
export const unfinished = () =>
  read().filter((entry) => UNFINISHED.includes(entry.state) && entry.notes.length > 0);

/** What is sent to the server for an entry. */
export const requestOf = (entry) => ({
  agent_payment_id: entry.agent_payment_id,
  account: entry.account,
  amount_kopecks: insertedKopecks(entry),
  paid_at: entry.paid_at,
  readings: entry.readings.map(({ meter, reading }) => ({ meter, reading })),
});

/** The short code by which a person and the attendant name the payment. */
export const codeOf = (entry) => {
  const head = entry.agent_payment_id.replaceAll("-", "").slice(0, 8).toUpperCase();
  return `${head.slice(0, 4)}-${head.slice(4)}`;
};

function keep(entry) {
  const others = read().filter((each) => each.agent_payment_id !== entry.agent_payment_id);
  write(pruned([...others, entry]));
  return entry;
}

function pruned(entries) {
  const settled = entries.filter((entry) => !UNFINISHED.includes(entry.state));
  const forgotten = new Set(settled.slice(0, Math.max(0, settled.length - SETTLED_KEPT)));
  return entries.filter((entry) => !forgotten.has(entry));
}

// A journal that cannot be read is set aside, never overwritten: it may name somebody's money.
function read() {
  const text = localStorage.getItem(KEY);
  if (text === null) return [];
  try {
    const entries = JSON.parse(text);
    if (Array.isArray(entries)) return entries;
  } catch {
    // Falls through to setting it aside.
  }
  localStorage.setItem(`${KEY}.damaged.${Date.now()}`, text);
  localStorage.removeItem(KEY);
  return [];
}

const write = (entries) => localStorage.setItem(KEY, JSON.stringify(entries));

// randomUUID exists only on https and loopback; a kiosk in a closed network may have neither.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
