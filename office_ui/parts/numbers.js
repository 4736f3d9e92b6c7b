// Numbers that are names: an account is grouped for the eye, copied as it is.
import { html } from "../../ui_kit/html.js";

const THIN = "\u2009";

/** 1004217 → 1004 217: the last three apart. Only for plain digits of a usual length. */
export const grouped = (number) =>
  /^\d{6,10}$/.test(number) ? number.replace(/(\d{3})$/, `${THIN}$1`) : number;

export const AccountNumber = ({ number }) =>
  html`<span class="figures keep" translate="no">${number || "—"}</span>`;
