// Notice: what happened, what it means, what to do next. `kind`: "", look, risk, safe.
import { html } from "../html.js";
import { Icon } from "./icon.js";

const ICONS = { "": "bill", look: "look", risk: "risk", safe: "check" };

export function Notice({ kind = "", icon, title, children }) {
  return html`<div class=${`notice${kind ? ` notice--${kind}` : ""}`}
    role=${kind === "risk" ? "alert" : "status"}>
    <${Icon} name=${icon ?? ICONS[kind]} />
    <div>
      ${title && html`<p class="notice__title">${title}</p>`}
      ${children && html`<div>${children}</div>`}
    </div>
  </div>`;
}
