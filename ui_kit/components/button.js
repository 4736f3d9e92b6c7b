// Button. `kind`: "" (quiet), main, second (in the main
// place, but not the main thing), caution, plain. One main button to a screen.
import { html } from "../html.js";
import { Icon } from "./icon.js";

export function Button({ kind = "", icon, iconAfter, busy = false, children, ...rest }) {
  const name = `button${kind ? ` button--${kind}` : ""}`;
  return html`<button type="button" class=${name} aria-busy=${busy ? "true" : null} ...${rest}>
    ${busy && html`<span class="spinner" />`}
    ${!busy && icon && html`<${Icon} name=${icon} />`}
    <span>${children}</span>
    ${iconAfter && html`<${Icon} name=${iconAfter} />`}
  </button>`;
}
