// The sums of 103-ФЗ: what the payer gave, what the agent keeps, what it passes on; who told them.
import { html } from "../../ui_kit/html.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatTime } from "../../ui_kit/dates.js";
import { linkTo } from "../route.js";
import { t } from "./words.js";

const SUMS = ["accepted", "payer_fee", "credited", "withheld", "transfer"];

export function Amounts({ rows }) {
  return html`<section class="section">
    <h2 class="section__title">${t("amounts.title")}</h2>
    ${!rows.length && html`<p class="section__note">${t("amounts.none")}</p>`}
    ${
      rows.length > 0 &&
      html`<table class="table amounts">
      <thead class="table__head"><tr>
        <th class="first wide">${t("amounts.source")}</th><th>${t("amounts.when")}</th>
        ${SUMS.map((name) => html`<th class="right" key=${name}>${t(`amounts.${name}`)}</th>`)}
      </tr></thead>
      <tbody>${rows.map((row, index) => html`<${Row} key=${index} row=${row} />`)}</tbody>
    </table>
    ${rows.length > 1 && html`<p class="section__note settled__note">${t("amounts.last")}</p>`}`
    }
  </section>`;
}

function Row({ row }) {
  return html`<tr data-source=${row.source}>
    <td class="first wide"><${Source} row=${row} /></td>
    <td class="soft">${formatTime(row.recorded_at)}</td>
    ${SUMS.map(
      (name) => html`<td class="right" key=${name} data-sum=${name}>
      <${Money} kopecks=${row[`${name}_kopecks`]} size="row" /></td>`,
    )}
  </tr>`;
}

const Source = ({ row }) =>
  row.registry_id === null
    ? t("amounts.online")
    : html`<a class="link" href=${linkTo("registries", row.registry_id)}>
      ${t("amounts.registry", { id: row.registry_id, line: row.line_number })}</a>`;
