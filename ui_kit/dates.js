// Dates and times as the server's wall clock says them: the offset in the text is not converted,
// so that a receipt, a registry and the page always name the same day.
import { language } from "./language.js";

const NBSP = "\u00a0";
const MONTHS = {
  ru: {
    of: ["января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября",
      "октября", "ноября", "декабря"],
    alone: ["январь", "февраль", "март", "апрель", "май", "июнь", "июль", "август", "сентябрь",
      "октябрь", "ноябрь", "декабрь"],
  },
  en: {
    of: ["January", "February", "March", "April", "May", "June", "July", "August", "September",
      "October", "November", "December"],
  },
};

function wallClock(text) {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}))?/.exec(text);
  if (!match) throw new Error(`not a date: ${text}`);
  const [, year, month, day, hour, minute] = match;
  return { year, month, day, hour, minute };
}

/** 24 ноября 2026 / 24 November 2026 */
export function formatDate(text) {
  const { year, month, day } = wallClock(text);
  return [Number(day), MONTHS[language()].of[month - 1], year].join(NBSP);
}

/** 24.11.2026 in both languages. */
export function formatDateShort(text) {
  const { year, month, day } = wallClock(text);
  return `${day}.${month}.${year}`;
}

/** 24.11.2026, 12:30 */
export function formatTime(text) {
  const { hour, minute } = wallClock(text);
  return `${formatDateShort(text)},${NBSP}${hour}:${minute}`;
}

/** октябрь 2026 / October 2026: the month a charge is for. */
export function formatMonth(text) {
  const { year, month } = wallClock(text);
  const names = MONTHS[language()];
  return `${(names.alone ?? names.of)[month - 1]}${NBSP}${year}`;
}

/** This moment on this machine's clock, as ISO 8601 with its offset. */
export function nowText(now = new Date()) {
  const two = (number) => String(Math.abs(number)).padStart(2, "0");
  const offset = -now.getTimezoneOffset();
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.trunc(offset / 60))}:${two(offset % 60)}`;
  return `${date}T${time}${zone}`;
}
