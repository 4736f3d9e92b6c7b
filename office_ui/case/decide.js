// What can be done: one of a few decisions, its consequence before the click, and a reason.
import { html, useEffect, useRef, useState } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatMoney } from "../../ui_kit/money.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { sentenceOf } from "../parts/states.js";
import { consequence, sumOf } from "./consequences.js";
import { t } from "./decide_words.js";
import { AccountInput, BucketInput, PaymentInput } from "./inputs.js";

/** `act(path, body)` sends and resolves to an error or to nothing. */
export function Decide({ story, limit, act }) {
  const offered = story.decisions.map(({ action }) => action);
  const kept = story.proposal;
  const [action, setAction] = useState(() => kept?.action ?? "");
  const [chosen, setChosen] = useState(() => ({
    account: kept?.account ?? "",
    found: null,
    payment: kept?.payment_id || null,
    bucket: kept?.bucket ?? "",
  }));
  const [reason, setReason] = useState(kept?.reason ?? "");
  const [lack, setLack] = useState("");
  const [refusal, setRefusal] = useState(null);
  const [busy, setBusy] = useState(false);
  const reasonBox = useRef(null);
  const buckets = story.decisions.find((each) => each.action === "accept")?.buckets ?? [];
  const full = { ...chosen, bucket: chosen.bucket || buckets[0] || "" };

  const choose = (next) => {
    setAction(next);
    setLack("");
    setRefusal(null);
  };
  const send = async () => {
    if (busy || !action) return;
    const missing = lacking(story, action, full, reason);
    setLack(missing);
    if (missing) {
      if (missing === "in.reason.need") reasonBox.current?.focus();
      return;
    }
    setBusy(true);
    setRefusal(null);
    const error = await act("resolve", bodyOf(story, action, full, reason));
    setBusy(false);
    if (error) setRefusal(error);
  };
  const [byKey, setByKey] = useState(0);
  const pick = (place) => () => {
    if (!offered[place]) return false;
    choose(offered[place]);
    setByKey(byKey + 1);
    return true;
  };
  // A decision that was chosen by key leads straight to what it has to be told.
  useEffect(() => {
    if (!byKey) return;
    document.querySelector(".decide__end")?.scrollIntoView({ block: "nearest" });
    (
      document.querySelector(".choice--on .inputs input, .choice--on .inputs select") ??
      reasonBox.current
    )?.focus({ preventScroll: true });
  }, [byKey]);
  useKeys({ 1: pick(0), 2: pick(1), 3: pick(2), 4: pick(3), 5: pick(4), "ctrl+Enter": send });

  return html`<section class="section decide">
    <h2 class="section__title">${t("title")}</h2>
    <div class="choices" role="radiogroup" aria-label=${t("title")}>
      ${offered.map(
        (each, index) => html`<${Choice} key=${each} story=${story} action=${each}
        place=${index + 1} on=${each === action} chosen=${full} onChoose=${() => choose(each)}>
        ${
          each === action &&
          html`<${Inputs} story=${story} action=${each} chosen=${full}
          buckets=${buckets} onChosen=${(changes) => setChosen({ ...chosen, ...changes })} />`
        }
      <//>`,
      )}
    </div>
    ${
      action &&
      html`<div class="decide__end">
      <label class="field"><span class="field__label">${t("in.reason")}</span>
        <textarea class="input" ref=${reasonBox} name="reason" rows="2" maxlength="1000"
          placeholder=${t("in.reason.hint")} value=${reason}
            aria-invalid=${lack === "in.reason.need" ? "true" : null}
          onInput=${(event) => setReason(event.target.value)} /></label>
      ${lack && html`<p class="field__hint field__hint--risk" role="alert">${t(lack)}</p>`}
      ${
        story.needs_second_person &&
        html`<p class="decide__second"><${Icon} name="person" />
        ${t("then.second", { limit: formatMoney(limit, { short: true }) })}</p>`
      }
      ${refusal && html`<${Refusal} error=${refusal} />`}
      <${Button} kind="main" busy=${busy}
        disabled=${busy || consequence(story, action, full).blocked}
        onClick=${send} data-main>
        ${labelOf(story, action)} <${Kbd}>Ctrl Enter<//><//>
    </div>`
    }
  </section>`;
}

function labelOf(story, action) {
  if (story.needs_second_person && !story.proposal?.claimed) return t("act.propose");
  return t(`act.${action}`, { sum: formatMoney(Math.abs(sumOf(story))) });
}

function Choice({ story, action, place, on, chosen, onChoose, children }) {
  const { text, blocked } = consequence(story, action, chosen);
  return html`<div class=${`choice${on ? " choice--on" : ""}${blocked ? " choice--blocked" : ""}`}
    data-action=${action}>
    <label class="choice__head">
      <input type="radio" name="decision" checked=${on} onChange=${onChoose} />
      <span class="choice__name">${t(`do.${action}`)}</span><${Kbd}>${place}<//>
    </label>
    <p class="choice__then">${text}</p>
    ${children}
  </div>`;
}

function Inputs({ story, action, chosen, buckets, onChosen }) {
  if (action === "assign")
    return html`<${AccountInput} story=${story} chosen=${chosen} onChosen=${onChosen} />`;
  if (action === "match")
    return html`<${PaymentInput} story=${story} chosen=${chosen} onChosen=${onChosen} />`;
  if (action === "accept" && buckets.length > 1)
    return html`<${BucketInput} buckets=${buckets} chosen=${chosen} onChosen=${onChosen} />`;
  return null;
}

function Refusal({ error }) {
  // A lost answer is not a refusal: the money may have moved, and a repeat is safe.
  const unclear = ["OFFLINE", "UNCLEAR", "TRY_LATER"].includes(error.code);
  if (unclear)
    return html`<${Notice} kind="look" title=${t("unclear.title")}>${t("unclear.text")}<//>`;
  return html`<${Notice} kind="risk" title=${t("refused.title")}>${sentenceOf(error)}<//>`;
}

function lacking(story, action, chosen, reason) {
  if (action === "assign" && !chosen.found) return "in.account.need";
  if (action === "match" && !chosen.payment) return "in.payment.need";
  return reason.trim() ? "" : "in.reason.need";
}

const bodyOf = (story, action, chosen, reason) => ({
  action,
  reason: reason.trim(),
  version: story.version,
  ...(action === "assign" && { account: chosen.found.account }),
  ...(action === "match" && { payment_id: chosen.payment }),
  ...(action === "accept" && chosen.bucket && { bucket: chosen.bucket }),
});
