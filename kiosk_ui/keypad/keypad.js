// The number pad and the digits above it: grouped while typed, the mistake marked at its digit.
// Touching a digit selects it; the next key replaces it.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { groupDigits } from "../groups.js";
import { useKeys } from "../frame/hooks.js";
import { t } from "../words.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** `value` is { digits, selected }; selected -1 means "at the end". `onChange` gets the next. */
export function Keypad({ value, lengthMax, onChange, disabled = false }) {
  const press = (digit) => !disabled && onChange(typed(value, digit, lengthMax));
  const erase = () => !disabled && onChange(erased(value));
  useKeys({ onDigit: press, onErase: erase });
  return html`<div class="keypad" role="group">
    ${KEYS.map(
      (digit) => html`<button type="button" class="key" key=${digit} disabled=${disabled}
        onClick=${() => press(digit)}>${digit}</button>`,
    )}
    <button type="button" class="key key--word" disabled=${disabled || !value.digits}
      onClick=${() => onChange({ digits: "", selected: -1 })}>${t("key.clear")}</button>
    <button type="button" class="key" disabled=${disabled} onClick=${() => press("0")}>0</button>
    <button type="button" class="key key--word" aria-label=${t("key.erase")}
      disabled=${disabled || !value.digits} onClick=${erase}>
      <${Icon} name="erase" size="1.4em" /></button>
  </div>`;
}

function typed({ digits, selected }, digit, lengthMax) {
  if (selected >= 0) {
    const next = digits.slice(0, selected) + digit + digits.slice(selected + 1);
    return { digits: next, selected: -1 };
  }
  return digits.length < lengthMax
    ? { digits: digits + digit, selected: -1 }
    : { digits, selected: -1 };
}

function erased({ digits, selected }) {
  const at = selected >= 0 ? selected : digits.length - 1;
  return { digits: digits.slice(0, at) + digits.slice(at + 1), selected: -1 };
}

/**
 * The digits. `tone`: "", look (compare them), wrong. `wrongAt`: index of the digit at fault, -1
 * for none. `plain`: no groups (a reading). `long` numbers are set smaller.
 */
export function Digits({ value, placeholder, tone = "", wrongAt = -1, group, suffix, onSelect }) {
  const { digits, selected } = value;
  const long = digits.length > 14 ? " digits--long" : digits.length > 9 ? " digits--middle" : "";
  const groups = group === "thousands" ? thousands(digits) : groupDigits(digits);
  return html`<div class=${`digits${tone ? ` digits--${tone}` : ""}${long}`} data-digits=${digits}>
    ${digits === "" && html`<span class="digits__placeholder">${placeholder}</span>`}
    ${groups.map(
      (each) => html`<span class="digits__group" key=${each[0].index}>
        ${each.map(({ digit, index }) => {
          const chosen = index === selected ? " digit--chosen" : "";
          const mark = index === wrongAt ? " digit--wrong" : chosen;
          return html`<button type="button" class=${`digit${mark}`} key=${index} tabindex="-1"
            aria-label=${t("find.digit", { digit })} onClick=${() => onSelect(index)}
            >${digit}</button>`;
        })}
      </span>`,
    )}
    ${selected < 0 && html`<span class="digits__caret" />`}
    ${suffix && html`<span class="digits__suffix">${suffix}</span>`}
  </div>`;
}

function thousands(digits) {
  const first = digits.length % 3 || 3;
  const groups = [];
  [...digits].forEach((digit, index) => {
    if (index === 0 || (index >= first && (index - first) % 3 === 0)) groups.push([]);
    groups[groups.length - 1].push({ digit, index });
  });
  return groups;
}
