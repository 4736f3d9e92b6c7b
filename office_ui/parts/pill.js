// A state: a dot and a word, never the colour alone.
import { html } from "../../ui_kit/html.js";
import { t } from "./words.js";

export const Pill = ({ kind, children }) =>
  html`<span class=${`pill pill--${kind}`}>${children}</span>`;

export const CasePill = ({ state }) => html`<${Pill} kind=${state}>${t(`case.${state}`)}<//>`;
