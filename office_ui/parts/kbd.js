// A key, printed on the button that it presses.
import { html } from "../../ui_kit/html.js";

export const Kbd = ({ children }) => html`<kbd class="kbd" aria-hidden="true">${children}</kbd>`;
