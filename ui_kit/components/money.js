// Money as it is set on screen: roubles heavy, kopecks lighter. `size`: row, sum, hero, "".
import { html } from "../html.js";
import { language } from "../language.js";
import { formatMoney, moneyParts } from "../money.js";

const NBSP = "\u00a0";

export function Money({ kopecks, size = "", short = false }) {
  const { minus, roubles, fraction } = moneyParts(kopecks);
  const english = language() === "en";
  const hidden = short && kopecks % 100 === 0;
  return html`<span class=${`money${size ? ` money--${size}` : ""}`}
    ><span class="unseen">${formatMoney(kopecks, { short })}</span><span aria-hidden="true"
      >${minus}${english && html`<span class="money__sign">₽</span>`}${roubles}${
        !hidden && html`<span class="money__fraction">${fraction}</span>`
      }${!english && html`<span class="money__sign">${NBSP}₽</span>`}</span
    ></span>`;
}
