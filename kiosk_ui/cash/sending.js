// After the money: the payment is on its way. The screen tells the truth about it, whatever comes.
import { html, useEffect, useState } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { Slip } from "../../ui_kit/components/slip.js";
import { deliver } from "../deliver.js";
import { Screen } from "../frame/frame.js";
import { useSecondsLeft } from "../frame/hooks.js";
import { grouped } from "../groups.js";
import { codeOf, insertedKopecks } from "../journal.js";
import { ATTEMPTS_BEFORE_LEAVING } from "../settings.js";
import { t } from "../words.js";

export function Sending({ kiosk }) {
  const { entry } = kiosk.visit;
  const [waitUntil, setWaitUntil] = useState(null);
  const seconds = useSecondsLeft(waitUntil);

  useEffect(
    () =>
      deliver(entry, (delivery) => {
        setWaitUntil(delivery.waitUntil);
        kiosk.entryChanged(delivery.entry);
      }),
    [entry.agent_payment_id],
  );

  const lost = entry.attempts > 1 || waitUntil !== null;
  const mayLeave = entry.attempts >= ATTEMPTS_BEFORE_LEAVING;
  return html`<${Screen} kiosk=${{ ...kiosk, onFinish: mayLeave ? kiosk.farewell : null }}
    step="cash" name="sending" title=${t("sending.title")}
    say=${html`<${Slip} parts=${[
      html`<p class="hero__label">${t("sending.sum", { account: grouped(entry.account) })}</p>
        <p class="hero__sum">
          <${Money} kopecks=${insertedKopecks(entry)} size="hero" short=${true} /></p>`,
      html`<${Code} entry=${entry} />`,
    ]} />`}
    hands=${html`
      <${Way} />
      ${lost && html`<${Notice} kind="look" icon="offline" title=${attemptText(entry, seconds)}>
        ${t("sending.lost")}<//>`}
    `}
    main=${mayLeave
      ? { label: t("sending.main.leave"), onPress: kiosk.farewell }
      : { label: t("sending.main"), busy: true }} />`;
}

// Where the money is on its way: what is done, what is being done, what comes.
function Way() {
  return html`<ol class="way">
    <li class="way__step way__step--done"><${Icon} name="check" />${t("sending.kept")}</li>
    <li class="way__step way__step--here"><span class="spinner" />${t("sending.under_way")}</li>
    <li class="way__step"><span class="way__ahead" />${t("sending.ahead")}</li>
  </ol>`;
}

const attemptText = (entry, seconds) =>
  seconds === null
    ? t("sending.now", { n: entry.attempts })
    : t("sending.next", { n: entry.attempts, seconds });

function Code({ entry }) {
  return html`<div class="code">
    <p class="code__label">${t("sending.code")}</p>
    <p class="code__text figures">${codeOf(entry)}</p>
    <p class="code__hint">${t("sending.code.text")}</p>
  </div>`;
}

/** The payment centre refused although the money is in: what happened and who helps. */
export function RefusedWithMoney({ kiosk }) {
  const { entry } = kiosk.visit;
  return html`<${Screen} kiosk=${{ ...kiosk, onFinish: kiosk.farewell }} step="cash"
    name="refused" title=${t("refused.title")} tone="risk"
    say=${html`<${Slip} parts=${[
      html`<p class="hero__label">${t("refused.sum")}</p>
        <p class="hero__sum">
          <${Money} kopecks=${insertedKopecks(entry)} size="hero" short=${true} /></p>`,
      html`<${Code} entry=${entry} />`,
    ]} />`}
    hands=${html`<${Notice} kind="risk" title=${entry.outcome.message}>${t("refused.text")}<//>`}
    main=${{ label: t("refused.main"), onPress: kiosk.farewell }} />`;
}
