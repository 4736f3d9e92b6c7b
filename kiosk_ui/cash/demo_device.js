// The person's hand at the simulated acceptor; looks like no part of the kiosk, because it is none.
import { html } from "../../ui_kit/html.js";
import { formatMoney } from "../../ui_kit/money.js";
import { t } from "../words.js";

export function DemoDevice({ device, locked }) {
  return html`<section class="demo" aria-label=${t("cash.demo")}>
    <p class="demo__title">${t("cash.demo")}</p>
    <p class="demo__text">${t("cash.demo.text")}</p>
    <div class="demo__notes">
      ${device.notes.map(
        (kopecks) => html`<button type="button" class="banknote figures" key=${kopecks}
          disabled=${locked} data-note=${kopecks / 100} onClick=${() => device.insert(kopecks)}>
          ${formatMoney(kopecks, { short: true })}</button>`,
      )}
    </div>
  </section>`;
}
