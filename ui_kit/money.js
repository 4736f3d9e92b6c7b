// Sums are whole kopecks everywhere; only here they become text.
import { language } from "./language.js";

const NBSP = "\u00a0";
const MINUS = "\u2212";

/** Groups of three with a non-breaking space (ru) or a comma (en). */
export const groupThousands = (digits) =>
  digits.replace(/\B(?=(\d{3})+$)/g, language() === "en" ? "," : NBSP);

/** The parts of a sum as they are set: minus, roubles, kopecks with their mark. */
export function moneyParts(kopecks) {
  if (!Number.isSafeInteger(kopecks)) throw new Error(`not whole kopecks: ${kopecks}`);
  const whole = Math.abs(kopecks);
  return {
    minus: kopecks < 0 ? MINUS : "",
    roubles: groupThousands(String(Math.floor(whole / 100))),
    fraction: (language() === "en" ? "." : ",") + String(whole % 100).padStart(2, "0"),
  };
}

/** 1 523,40 ₽ in Russian, ₽1,523.40 in English. `short` leaves out kopecks that are zero. */
export function formatMoney(kopecks, { short = false } = {}) {
  const { minus, roubles, fraction } = moneyParts(kopecks);
  const shown = short && kopecks % 100 === 0 ? "" : fraction;
  return language() === "en"
    ? `${minus}₽${roubles}${shown}`
    : `${minus}${roubles}${shown}${NBSP}₽`;
}
