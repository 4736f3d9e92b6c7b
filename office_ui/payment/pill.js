// The state of a payment: a dot and a word.
import { html } from "../../ui_kit/html.js";
import { Pill } from "../parts/pill.js";
import { t } from "../parts/words.js";

const KINDS = { credited: "safe", held: "look" };

export const PaymentPill = ({ state }) =>
  html`<${Pill} kind=${KINDS[state] ?? "closed"}>${t(`payment.${state}`)}<//>`;
