// One payment: whose it is, what it paid for line by line, what the agent keeps, what happened to it.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatDateShort, formatTime } from "../../ui_kit/dates.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { useLoaded } from "../parts/loaded.js";
import { Loading, Trouble } from "../parts/states.js";
import { goTo, linkTo } from "../route.js";
import { Amounts } from "./amounts.js";
import { PaymentPill } from "./pill.js";
import { Settled } from "./settled.js";
import { t } from "./words.js";

export function PaymentPage({ route }) {
  const detail = useLoaded(`/api/v1/office/payments/${route.id}`);
  useKeys({ Escape: back });
  return html`<div class="sheet" data-payment-page=${route.id}>
    <p class="crumb"><a class="link" href=${linkTo("payments")} onClick=${(event) => {
      event.preventDefault();
      back();
    }}><${Icon} name="back" size="1em" /> ${t("back")}</a> <${Kbd}>Esc<//></p>
    ${detail.error && html`<${Trouble} error=${detail.error} onAgain=${detail.reload} />`}
    ${!detail.error && !detail.data && html`<${Loading} rows=${12} />`}
    ${detail.data && html`<${Payment} key=${route.id} detail=${detail.data} />`}
  </div>`;
}

/** To where the person came from: a case, a registry. */
const back = () => (history.length > 1 ? history.back() : goTo(linkTo("payments")));

function Payment({ detail }) {
  const { payment } = detail;
  return html`
    <header class="head">
      <div>
        <h1 class="head__title">${t("title", { id: payment.payment_id })}</h1>
        <p class="head__line">
          ${t("line", { agent: detail.agent_title, number: payment.agent_payment_id })}</p>
      </div>
      <div class="head__tools">
        <${PaymentPill} state=${payment.state} />
      </div>
    </header>
    <div class="registry">
      <section class="sums">
        <p class="sums__label">${t("amount")}</p>
        <p><${Money} kopecks=${payment.amount_kopecks} size="hero" /></p>
        ${payment.by_registry && html`<p class="sums__note">${t("by.registry")}</p>`}
        ${
          detail.credited_kopecks !== payment.amount_kopecks &&
          html`<p class="sums__note">${t("amount.credited")}:${" "}
            <${Money} kopecks=${detail.credited_kopecks} size="row" /></p>`
        }
      </section>
      <${Facts} detail=${detail} />
    </div>
    <${Settled} detail=${detail} />
    <${Amounts} rows=${detail.amounts} />
    <${History} happenings=${detail.happenings} />`;
}

function Facts({ detail }) {
  const { payment, account } = detail;
  const facts = [
    [t("account"), payment.account],
    [t("holder"), account && `${account.holder}, ${account.address}`],
    [t("paid"), formatTime(payment.paid_at)],
    [t("recorded"), formatTime(payment.recorded_at)],
    [t("day"), formatDateShort(payment.business_day)],
    [t("due"), formatDateShort(detail.settlement_day)],
    [t("terminal"), detail.terminal],
  ];
  return html`<dl class="facts payment__facts">
    ${facts
      .filter(([, value]) => value)
      .map(
        ([name, value]) => html`<div class="facts__row" key=${name}><dt>${name}</dt><dd>
      ${value}</dd></div>`,
      )}
  </dl>`;
}

function History({ happenings }) {
  return html`<section class="section">
    <h2 class="section__title">${t("history.title")}</h2>
    <ol class="history">
      ${[...happenings].reverse().map(
        (each, index) => html`<li class="history__entry" key=${index}>
        <span class="history__when figures">${formatTime(each.happened_at)}</span>
        <span><span class="history__what">${t(`did.${each.kind}`)}</span>, ${who(each.by)},${" "}
          ${t("did.day", { day: formatDateShort(each.business_day) })}
          ${each.reason && html`<span class="history__why">${each.reason}</span>`}</span>
      </li>`,
      )}
    </ol>
  </section>`;
}

const who = (by) => (by === null ? t("by.agent") : by.login === "system" ? t("system") : by.name);
