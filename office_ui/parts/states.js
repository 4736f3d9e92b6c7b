// The states of a page that shows nothing yet: a sentence and a next step, never a hole.
import { html } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { t } from "./words.js";

/** Grey rows of the height that the real ones will have. */
export function Loading({ rows = 8 }) {
  return html`<div class="waiting" role="status" aria-label=${t("state.loading")}>
    ${Array.from({ length: rows }, (_, index) => html`<div class="waiting__row" key=${index} />`)}
  </div>`;
}

export function Empty({ icon = "check", title, children, action }) {
  return html`<div class="blank" role="status">
    <span class="blank__sign"><${Icon} name=${icon} size="1.6em" /></span>
    <p class="blank__title">${title}</p>
    ${children && html`<p class="blank__text">${children}</p>`}
    ${action}
  </div>`;
}

/** What went wrong, in words, with a way to try again. */
export function Trouble({ error, onAgain }) {
  const offline = error.code === "OFFLINE";
  return html`<div class="blank blank--risk" role="alert">
    <span class="blank__sign"><${Icon} name=${offline ? "offline" : "risk"} size="1.6em" /></span>
    <p class="blank__title">${t(offline ? "state.offline" : "state.trouble")}</p>
    <p class="blank__text">${sentenceOf(error)}</p>
    ${onAgain && html`<${Button} onClick=${onAgain}>${t("state.again")}<//>`}
  </div>`;
}

/** The server's sentence, or ours when it sent none. */
export const sentenceOf = (error) =>
  error.message && error.message !== error.code
    ? error.message
    : t(error.code === "OFFLINE" ? "state.offline.text" : "state.trouble.text");
