// Slip: a paper with parts and a line to tear along between them; rows of a name and a figure.
import { html } from "../html.js";

export function Slip({ parts, kind = "" }) {
  return html`<section class=${`slip${kind ? ` slip--${kind}` : ""}`}>
    ${parts.filter(Boolean).map(
      (part, index) => html`
        ${index > 0 && html`<div class="slip__tear" />`}
        <div class="slip__part">${part}</div>
      `,
    )}
  </section>`;
}

/** `rows`: [{ name, value }]. */
export function Rows({ rows }) {
  return html`<dl class="rows">
    ${rows.map(
      ({ name, value }) => html`<div class="rows__row" key=${name}>
        <dt class="rows__name">${name}</dt>
        <dd class="rows__value">${value}</dd>
      </div>`,
    )}
  </dl>`;
}
