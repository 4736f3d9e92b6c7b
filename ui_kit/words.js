// Words on screen, by key, in the language of the page.
//
//   const t = defineWords({ ru: { bills: (n) => … }, en: { … } });
//   t("debt.title")              a plain sentence
//   t("step", { n: 2, of: 5 })   «Шаг {n} из {of}», or a function of the parameters
//
// A key that one language lacks is an error when the words are defined, not a hole on a screen.
import { LANGUAGES, language } from "./language.js";

const NBSP = "\u00a0";

/** Makes the function that finds words; throws when the languages do not have the same keys. */
export function defineWords(dictionaries) {
  const missing = missingKeys(dictionaries);
  if (missing.length) throw new Error(`words are missing: ${missing.join(", ")}`);
  return (key, parameters = {}) => {
    const words = dictionaries[language()][key];
    if (words === undefined) throw new Error(`no such words: ${key}`);
    const text = typeof words === "function" ? words(parameters) : fill(words, parameters);
    return language() === "ru" ? bindShortWords(text) : text;
  };
}

export function missingKeys(dictionaries) {
  const all = new Set(LANGUAGES.flatMap((name) => Object.keys(dictionaries[name] ?? {})));
  return LANGUAGES.flatMap((name) =>
    [...all].filter((key) => !(key in (dictionaries[name] ?? {}))).map((key) => `${name}:${key}`),
  );
}

/** The form that belongs to a number: ru [1 платёж, 2 платежа, 5 платежей], en [1, other]. */
export function plural(number, forms) {
  if (language() === "en") return forms[Math.abs(number) === 1 ? 0 : 1];
  const tens = Math.abs(number) % 100;
  const ones = tens % 10;
  if (tens > 10 && tens < 20) return forms[2];
  if (ones === 1) return forms[0];
  return ones > 1 && ones < 5 ? forms[1] : forms[2];
}

/** A number with its word, never torn apart at the end of a line: «5 платежей». */
export const counted = (number, forms) => `${number}${NBSP}${plural(number, forms)}`;

function fill(text, parameters) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    if (!(name in parameters)) throw new Error(`no value for ${whole} in: ${text}`);
    return String(parameters[name]);
  });
}

// A preposition of one or two letters does not stay alone at the end of a line.
const bindShortWords = (text) =>
  text.replace(/(^|[\s(«])([а-яё]{1,2}|не|ни) (?=\S)/giu, `$1$2${NBSP}`);
