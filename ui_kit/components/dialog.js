// Dialog: floats over the page and asks one thing. `actions` are buttons, the safe one first.
import { html, useEffect, useRef } from "../html.js";

export function Dialog({ title, children, actions }) {
  const box = useRef(null);
  useEffect(() => box.current?.querySelector("button")?.focus(), []);
  return html`<div class="veil">
    <div class="dialog" role="alertdialog" aria-modal="true" aria-label=${title} ref=${box}>
      <h2 class="dialog__title">${title}</h2>
      <div class="dialog__text">${children}</div>
      <div class="dialog__actions">${actions}</div>
    </div>
  </div>`;
}
