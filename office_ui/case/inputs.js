// What a decision has to be told: an account, a payment, a bucket.
import { html, useEffect, useState } from "../../ui_kit/html.js";
import { get } from "../../ui_kit/api.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatTime } from "../../ui_kit/dates.js";
import { tellIfStranger } from "../parts/loaded.js";
import { t as shared } from "../parts/words.js";
import { t } from "./decide_words.js";

const TYPING_MS = 250;

/** The account is looked up while it is typed: whose it is stands there before the click. */
export function AccountInput({ story, chosen, onChosen }) {
  const number = chosen.account.trim();
  const [unknown, setUnknown] = useState(false);
  const [similar, setSimilar] = useState([]);
  useEffect(() => {
    setUnknown(false);
    if (!number || chosen.found?.account === number) return undefined;
    const timer = setTimeout(async () => {
      const found = await lookUp(number);
      if (found === undefined) return;
      setUnknown(found === null);
      onChosen({ account: number, found });
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [number]);
  useEffect(() => {
    const wanted = story.line?.account;
    if (!wanted) return;
    get(`/api/v1/office/accounts?like=${encodeURIComponent(wanted)}`).then(
      ({ accounts }) => setSimilar(accounts),
      tellIfStranger,
    );
  }, []);
  const type = (account) => onChosen({ account, found: null });
  return html`<div class="inputs">
    <label class="field"><span class="field__label">${t("in.account")}</span>
      <input class="input" name="account" inputmode="numeric" autocomplete="off" maxlength="30"
        placeholder=${t("in.account.hint")} value=${chosen.account}
          aria-invalid=${unknown ? "true" : null}
        onInput=${(event) => type(event.target.value)} /></label>
    ${
      unknown &&
      html`<p class="field__hint field__hint--risk" role="alert">
      ${t("in.account.none")}</p>`
    }
    ${
      similar.length > 0 &&
      html`<p class="field__label">${t("in.account.like")}</p>
      <ul class="similar">${similar.map(
        (each) => html`<li key=${each.account}>
        <button type="button" class="similar__one"
          onClick=${() => onChosen({ account: each.account, found: each })}>
          <span class="figures">${each.account}</span><span class="soft">
            ${each.holder}, ${each.address}</span>
        </button></li>`,
      )}</ul>`
    }
  </div>`;
}

/** The account; null = there is none; undefined = we could not ask. */
async function lookUp(number) {
  try {
    return await get(`/api/v1/office/accounts/${encodeURIComponent(number)}`);
  } catch (error) {
    tellIfStranger(error);
    return error.status === 404 ? null : undefined;
  }
}

export function PaymentInput({ story, chosen, onChosen }) {
  const type = (event) =>
    onChosen({ payment: Number(event.target.value.replace(/\D/g, "")) || null });
  if (!story.candidates.length)
    return html`<div class="inputs">
      <label class="field"><span class="field__label">${t("in.payment")}</span>
        <input class="input" name="payment" inputmode="numeric" autocomplete="off"
          value=${chosen.payment ?? ""} onInput=${type} /></label>
    </div>`;
  return html`<ul class="inputs candidates">
    ${story.candidates.map(
      (each) => html`<li key=${each.payment_id}><label class="candidate">
      <input type="radio" name="payment" checked=${each.payment_id === chosen.payment}
        onChange=${() => onChosen({ payment: each.payment_id })} />
      <span class="figures">${t("match.payment", {
        payment: each.payment_id,
        account: each.account,
        time: formatTime(each.paid_at),
      })}</span>
      <${Money} kopecks=${each.amount_kopecks} size="row" />
    </label></li>`,
    )}
  </ul>`;
}

export function BucketInput({ buckets, chosen, onChosen }) {
  return html`<div class="inputs"><label class="field"><span class="field__label">
    ${t("in.bucket")}</span>
    <select class="input" name="bucket" value=${chosen.bucket}
      onChange=${(event) => onChosen({ bucket: event.target.value })}>
      ${buckets.map(
        (bucket) => html`<option key=${bucket} value=${bucket} selected=${bucket === chosen.bucket}>
        ${shared(`bucket.${bucket}`)}</option>`,
      )}
    </select></label></div>`;
}
