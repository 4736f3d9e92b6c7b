// What an agent may take. Where an hour is bounded, how much of it is used up.
import { html } from "../../ui_kit/html.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatMoney } from "../../ui_kit/money.js";
import { t } from "./words.js";

export function Limits({ agent }) {
  const { limits } = agent;
  const rows = [
    ["least", sum(limits.amount_min_kopecks)],
    ["largest", sum(limits.amount_max_kopecks)],
    ["account", sum(limits.account_day_max_kopecks)],
    ["hour", sum(limits.hour_max_kopecks)],
    ["rate", count(limits.requests_per_second_max)],
    ["unknown", count(limits.unknown_accounts_per_minute_max)],
  ];
  return html`<section class="section limits">
    <h2 class="section__title">${t("limits.title")}</h2>
    <dl>
      ${rows.map(
        ([name, value]) => html`<div class="limits__row" key=${name} data-limit=${name}>
        <dt>${t(`limits.${name}`)}</dt>
        <dd>${value}${name === "hour" && html`<${Used} agent=${agent} />`}</dd>
      </div>`,
      )}
    </dl>
    <p class="section__note limits__note">${t("limits.note")}</p>
  </section>`;
}

const none = () => html`<span class="soft">${t("limits.none")}</span>`;
const sum = (kopecks) => (kopecks ? html`<${Money} kopecks=${kopecks} size="row" />` : none());
const count = (number) => (number ? html`<span class="figures">${number}</span>` : none());

function Used({ agent }) {
  const most = agent.limits.hour_max_kopecks;
  if (!most) return null;
  const rest = Math.max(0, most - agent.hour_kopecks);
  return html`<span class="used">
    <span class="used__bar" aria-hidden="true">
      <span class=${rest ? "used__part" : "used__part used__part--full"}
        style=${{ flexGrow: agent.hour_kopecks }} />
      <span style=${{ flexGrow: rest }} />
    </span>
    <span class="used__word">${t("limits.used", { sum: formatMoney(agent.hour_kopecks) })}</span>
  </span>`;
}
