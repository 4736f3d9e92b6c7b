// The lines of a file, page after page.
import { html, useState } from "../../ui_kit/html.js";
import { get } from "../../ui_kit/api.js";
import { Button } from "../../ui_kit/components/button.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatDateShort } from "../../ui_kit/dates.js";
import { tellIfStranger } from "../parts/loaded.js";
import { AccountNumber } from "../parts/numbers.js";
import { t as shared } from "../parts/words.js";
import { linkTo } from "../route.js";
import { t } from "./words.js";

export function Lines({ registry, first }) {
  const [more, setMore] = useState({ lines: [], next: first.next, busy: false });
  const lines = [...first.lines, ...more.lines];
  const load = async () => {
    setMore({ ...more, busy: true });
    try {
      const path = `/api/v1/office/registries/${registry.registry_id}?limit=200&after=${more.next}`;
      const page = await get(path);
      setMore({ lines: [...more.lines, ...page.lines], next: page.next, busy: false });
    } catch (error) {
      tellIfStranger(error);
      setMore({ ...more, busy: false });
    }
  };
  return html`<section class="section">
    <h2 class="section__title">${t("lines.title")}</h2>
    <table class="table lines">
      <thead class="table__head"><tr>
        <th class="first right">${t("col.line")}</th><th>${t("col.operation")}</th><th>
          ${t("col.account")}</th>
        <th>${t("col.date")}</th><th class="wide">${t("col.bucket")}</th>
        <th class="right">${t("col.payment")}</th><th class="right">${t("col.sum")}</th>
      </tr></thead>
      <tbody>${lines.map((line) => html`<${Line} key=${line.line_id} line=${line} />`)}</tbody>
      <tfoot class="table__foot"><tr>
        <td class="first" colspan="6">
          ${t("lines.total", { shown: lines.length, all: registry.lines })}</td>
        <td class="right"><${Money} kopecks=${registry.computed_total_kopecks} /></td>
      </tr></tfoot>
    </table>
    ${
      more.next &&
      html`<div class="more"><${Button} busy=${more.busy} onClick=${load}>
      ${shared("list.more")}<//></div>`
    }
  </section>`;
}

function Line({ line }) {
  const time = line.paid_time ? ` ${line.paid_time.slice(0, 5)}` : "";
  return html`<tr>
    <td class="first right soft">${line.number}</td>
    <td>${line.operation || "—"}</td>
    <td><${AccountNumber} number=${line.account} /></td>
    <td class="soft">${line.paid_on ? formatDateShort(line.paid_on) + time : "—"}</td>
    <td class="wide"><${Where} line=${line} /></td>
    <td class="right">${
      line.payment_id &&
      html`<a class="link" href=${linkTo("payments", line.payment_id)}>${line.payment_id}</a>`
    }</td>
    <td class="right">${
      line.amount_kopecks === null
        ? "—"
        : html`<${Money}
      kopecks=${line.amount_kopecks} size="row" />`
    }</td>
  </tr>`;
}

function Where({ line }) {
  const names = Object.keys(line.buckets);
  const text = line.fault || names.map((name) => shared(`bucket.${name}`)).join(", ");
  return html`<span class=${line.fault ? "lines__fault" : ""}>${text || "—"}</span>
    ${
      line.mismatch_id &&
      html` <a class="link" href=${linkTo("mismatches", line.mismatch_id)}>
      ${t("line.case")} ${line.mismatch_id}</a>`
    }`;
}
