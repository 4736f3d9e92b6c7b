// All shortcuts, on «?».
import { html, useEffect, useRef } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Kbd } from "../parts/kbd.js";
import { useKeys } from "./keys.js";
import { t } from "./words.js";

const KEYS = [
  ["G", "registries"],
  ["M", "mismatches"],
  ["P", "payments"],
  ["A", "agents"],
  ["U", "upload"],
  ["J", "down"],
  ["K", "up"],
  ["Enter", "open"],
  ["/", "search"],
  ["Esc", "back"],
  ["T", "take"],
  ["1 – 5", "choose"],
  ["Ctrl Enter", "decide"],
  ["?", "help"],
];

export function KeysHelp({ onClose }) {
  const box = useRef(null);
  useEffect(() => box.current?.querySelector("button")?.focus(), []);
  useKeys({ modal: true, Escape: onClose, "?": onClose });
  return html`<div class="veil"
    onClick=${(event) => event.target === event.currentTarget && onClose()}>
    <div class="dialog dialog--keys" role="dialog" aria-modal="true" aria-label=${t("keys.title")}
      ref=${box}>
      <h2 class="dialog__title">${t("keys.title")}</h2>
      <dl class="keys">
        ${KEYS.map(
          ([key, word]) => html`<div class="keys__row" key=${word}>
          <dt><${Kbd}>${key}<//></dt><dd>${t(`keys.${word}`)}</dd>
        </div>`,
        )}
      </dl>
      <div class="dialog__actions"><${Button} onClick=${onClose}>${t("keys.close")}<//></div>
    </div>
  </div>`;
}
