// Fifth screen: the money goes in. The largest thing is what is inserted; a note is written to the
// journal and shown before the next one is looked at.
import { html, useEffect, useRef, useState } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Dialog } from "../../ui_kit/components/dialog.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatMoney } from "../../ui_kit/money.js";
import { Screen } from "../frame/frame.js";
import { useLandscape } from "../frame/hooks.js";
import { grouped } from "../groups.js";
import { canKeep, insertedKopecks } from "../journal.js";
import { t } from "../words.js";
import { DemoDevice } from "./demo_device.js";

const short = (kopecks) => formatMoney(kopecks, { short: true });

export function Cash({ kiosk }) {
  const { entry, resumed } = kiosk.visit;
  const inserted = insertedKopecks(entry);
  const enough = inserted >= entry.due_kopecks;
  const payable = inserted >= entry.min_kopecks;
  const acceptor = useAcceptor(kiosk, enough);
  const [leaving, setLeaving] = useState(false);

  const withMoney = inserted > 0;
  const onFinish = withMoney ? () => setLeaving(true) : kiosk.onFinish;
  const mayGoBack = !withMoney && acceptor.checking === null;
  const main = withMoney
    ? {
        label: t("cash.main", { sum: short(inserted) }),
        icon: "check",
        disabled: acceptor.checking !== null || !payable,
        onPress: () => kiosk.sealPayment(entry),
      }
    : { label: t("cash.main.empty"), disabled: true };

  return html`<${Screen} kiosk=${{ ...kiosk, onFinish }} step="cash"
    title=${t(enough ? "cash.title.enough" : "cash.title")}
    say=${html`
      <${Figures} entry=${entry} inserted=${inserted} />
      <${Status} entry=${entry} acceptor=${acceptor} enough=${enough} resumed=${resumed}
        payable=${payable || !withMoney} />
      <${Notes} notes=${entry.notes} />
    `}
    hands=${kiosk.cash.simulated &&
    html`<${DemoDevice} device=${kiosk.cash} locked=${enough || acceptor.checking !== null} />`}
    main=${main}
    onBack=${mayGoBack ? () => kiosk.go({ screen: "sum", entry: null }) : null} />
    ${leaving && html`<${Leaving} entry=${entry} inserted=${inserted} payable=${payable}
      onYes=${() => kiosk.sealPayment(entry)} onNo=${() => setLeaving(false)} />`}`;
}

// Opens the acceptor while the screen is shown and money is missing.
function useAcceptor(kiosk, enough) {
  const [checking, setChecking] = useState(null);
  const [returned, setReturned] = useState(null);
  const now = useRef(kiosk);
  now.current = kiosk;
  useEffect(() => {
    if (enough) return undefined;
    const { cash } = now.current;
    cash.open({
      // A note that could not be written down must not be swallowed.
      mayTake: (kopecks) => {
        if (!canKeep()) return "storage";
        const { entry } = now.current.visit;
        return insertedKopecks(entry) + kopecks > entry.max_kopecks ? "above" : "";
      },
      onEvent: ({ type, kopecks, reason }) => {
        setChecking(type === "checking" ? kopecks : null);
        setReturned(type === "returned" ? { kopecks, reason } : null);
        if (type === "stacked") now.current.takeNote(kopecks);
      },
    });
    return () => cash.close();
  }, [enough]);
  return { checking, returned };
}

function Figures({ entry, inserted }) {
  const left = entry.due_kopecks - inserted;
  return html`<section class="figures-card">
    <div class=${`inserted${inserted ? " inserted--some" : ""}`}>
      <p class="inserted__label">${t("cash.inserted")}</p>
      <p aria-live="polite" data-inserted=${inserted}>
        <${Money} kopecks=${inserted} size="hero" short=${true} /></p>
    </div>
    <div class="figures-card__pair">
      <div>
        <p class="figures-card__label">${t("cash.due")}</p>
        <${Money} kopecks=${entry.due_kopecks} size="sum" />
      </div>
      <div class=${left < 0 ? "over" : ""}>
        <p class="figures-card__label">${t(left < 0 ? "cash.over" : "cash.left")}</p>
        <${Money} kopecks=${Math.abs(left)} size="sum" />
      </div>
    </div>
  </section>`;
}

function Status({ entry, acceptor, enough, resumed, payable }) {
  const { checking, returned } = acceptor;
  if (checking !== null)
    return html`<p class="acceptor">
      <span class="spinner" /> ${t("cash.checking", { sum: short(checking) })}</p>`;
  if (returned?.reason === "above")
    return html`<${Notice} kind="look">${t("cash.toomuch", {
      sum: short(returned.kopecks),
      max: short(entry.max_kopecks),
    })}<//>`;
  if (returned?.reason === "storage")
    return html`<${Notice} kind="risk" title=${t("trouble.storage")}>
      ${t("trouble.storage.text")}<//>`;
  if (resumed && entry.notes.length === resumed)
    return html`<${Notice} kind="safe">${t("cash.resumed")}<//>`;
  if (!payable)
    return html`<${Notice} kind="look">${t("cash.below", { min: short(entry.min_kopecks) })}<//>`;
  return html`<p class=${`acceptor${enough ? "" : " acceptor--open"}`}>
    <${Icon} name=${enough ? "check" : "cash"} /> ${t(enough ? "cash.closed" : "cash.ready")}</p>`;
}

function Notes({ notes }) {
  const fit = useLandscape() ? 4 : 10;
  const hidden = Math.max(0, notes.length - fit);
  return html`<section class="notes" aria-label=${t("cash.notes")}>
    ${notes.length === 0 && html`<p class="notes__none">${t("cash.nonotes")}</p>`}
    ${hidden > 0 && html`<span class="note note--count figures">+${hidden}</span>`}
    ${notes.slice(hidden).map(
      (kopecks, index) => html`<span class="note figures" key=${hidden + index}>
        <${Icon} name="check" size="0.9em" />${short(kopecks)}</span>`,
    )}
  </section>`;
}

function Leaving({ entry, inserted, payable, onYes, onNo }) {
  return html`<${Dialog} title=${t("cash.leave.title", { sum: short(inserted) })}
    actions=${html`
      <${Button} kind="main" disabled=${!payable} onClick=${onYes}>${t("cash.leave.yes")}<//>
      <${Button} onClick=${onNo}>${t("cash.leave.no")}<//>
    `}>
    ${payable
      ? t("cash.leave.text", { account: grouped(entry.account) })
      : t("cash.below", { min: short(entry.min_kopecks) })}
  <//>`;
}
