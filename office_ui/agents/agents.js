// All agents with their day: who takes payments, who is paused, what asks for a look.
import { html, useState } from "../../ui_kit/html.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatTime } from "../../ui_kit/dates.js";
import { useLoaded } from "../parts/loaded.js";
import { Pill } from "../parts/pill.js";
import { useRowKeys } from "../parts/rows.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { goTo, linkTo } from "../route.js";
import { t } from "./words.js";

export function AgentsPage() {
  const list = useLoaded("/api/v1/office/agents");
  const [selected, setSelected] = useState(null);
  const rows = list.data?.agents ?? [];
  const open = (name) => goTo(linkTo("agents", name));
  useRowKeys({
    ids: rows.map((row) => row.agent),
    selected,
    onMove: setSelected,
    onOpen: open,
  });
  return html`<div class="sheet">
    <header class="head">
      <div><h1 class="head__title">${t("title")}</h1><p class="head__line">${t("line")}</p></div>
    </header>
    <${Body} list=${list} rows=${rows} selected=${selected} onOpen=${open} />
  </div>`;
}

function Body({ list, rows, selected, onOpen }) {
  if (list.error) return html`<${Trouble} error=${list.error} onAgain=${list.reload} />`;
  if (!list.data) return html`<${Loading} rows=${10} />`;
  if (!rows.length)
    return html`<${Empty} icon="person" title=${t("empty")}>${t("empty.text")}<//>`;
  return html`<table class="table agents">
    <thead class="table__head"><tr>
      <th class="first wide">${t("col.agent")}</th><th>${t("col.protocol")}</th>
      <th>${t("col.state")}</th><th>${t("col.cases")}</th><th>${t("col.last")}</th>
      <th class="right">${t("col.payments")}</th><th class="right">${t("col.taken")}</th>
    </tr></thead>
    <tbody>${rows.map(
      (row) => html`<${Row} key=${row.agent} row=${row} selected=${row.agent === selected}
      onOpen=${onOpen} />`,
    )}</tbody>
    <tfoot class="table__foot"><tr>
      <td class="first" colspan="5">${t("total", { n: rows.length })}</td>
      <td class="right">${list.data.payments}</td>
      <td class="right"><${Money} kopecks=${list.data.total_kopecks} /></td>
    </tr></tfoot>
  </table>`;
}

function Row({ row, selected, onOpen }) {
  return html`<tr class="table__row" aria-selected=${String(selected)} data-agent=${row.agent}
    onClick=${() => onOpen(row.agent)}>
    <td class="first wide"><a class="row-link" href=${linkTo("agents", row.agent)}>${row.title}</a>
    </td>
    <td class="soft">${row.protocol || "—"}</td>
    <td><${Works} row=${row} /></td>
    <td>${
      row.open_cases
        ? html`<${Pill} kind="open">${t("cases.open", { n: row.open_cases })}<//>`
        : html`<span class="soft">${t("cases.none")}</span>`
    }</td>
    <td class="soft">${row.last_payment_at ? formatTime(row.last_payment_at) : "—"}</td>
    <td class="right">${row.payments}</td>
    <td class="right"><${Money} kopecks=${row.taken_kopecks} size="row" /></td>
  </tr>`;
}

/** Whether it takes payments. */
export const Works = ({ row }) =>
  html`<${Pill} kind=${row.paused ? "risk" : "safe"}>${t(row.paused ? "paused" : "works")}<//>`;
