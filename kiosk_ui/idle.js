// A person who has gone: asked first, then the visit ends. Money that is in is credited, not kept.
import { html } from "../ui_kit/html.js";
import { Button } from "../ui_kit/components/button.js";
import { Dialog } from "../ui_kit/components/dialog.js";
import { formatMoney } from "../ui_kit/money.js";
import { useLastTouch, useSecondsLeft, useTimeout } from "./frame/hooks.js";
import { grouped } from "./groups.js";
import { insertedKopecks } from "./journal.js";
import { IDLE_SECONDS, IDLE_WARNING_SECONDS } from "./settings.js";
import { t } from "./words.js";

/** `entry` is the payment with money in it, or null. */
export function Idle({ screen, entry, onGone }) {
  const [touched, stay] = useLastTouch(`${screen} ${entry?.notes.length ?? 0}`);
  const deadline = touched + 1000 * IDLE_SECONDS;
  const seconds = useSecondsLeft(deadline);
  useTimeout(Math.max(0, (deadline - Date.now()) / 1000), onGone, deadline);
  if (seconds > IDLE_WARNING_SECONDS) return null;
  return html`<${Dialog} title=${t("idle.title")}
    actions=${html`<${Button} kind="main" onClick=${stay}>${t("idle.stay")}<//>`}>
    <span class="figures">${said(seconds, entry)}</span>
  <//>`;
}

const said = (n, entry) =>
  entry
    ? t("idle.money", {
        n,
        sum: formatMoney(insertedKopecks(entry), { short: true }),
        account: grouped(entry.account),
      })
    : t("idle.text", { n });
