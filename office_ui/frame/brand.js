// The sign and the name, as on the kiosk: a slip with a torn edge.
import { html } from "../../ui_kit/html.js";
import { t } from "./words.js";

const SLIP =
  "M6 2h20a3 3 0 0 1 3 3v9a3 3 0 0 0 0 6v7a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3v-7" +
  "a3 3 0 0 0 0-6V5a3 3 0 0 1 3-3Z";

export function Brand() {
  return html`<div class="brand">
    <svg class="brand__sign" viewBox="0 0 32 32" aria-hidden="true">
      <path class="brand__slip"
        d=${SLIP} />
      <path class="brand__check" d="m10 16.500 4.500 4.500L23 11.500" />
    </svg>
    <div>
      <p class="brand__name">${t("brand")}</p>
      <p class="brand__line">${t("brand.line")}</p>
    </div>
  </div>`;
}
