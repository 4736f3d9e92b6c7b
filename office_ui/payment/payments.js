// All payments, the newest first, and the way to one of them by a whole number.
import { html, useState } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatTime } from "../../ui_kit/dates.js";
import { pathWith, useLoaded } from "../parts/loaded.js";
import { AccountNumber } from "../parts/numbers.js";
import { useRowKeys } from "../parts/rows.js";
import { Search } from "../parts/search.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { t as shared } from "../parts/words.js";
import { goTo, linkTo, replaceWith } from "../route.js";
import { PaymentPill } from "./pill.js";
import { t } from "./words.js";

const PAGE = 100;

export function PaymentsPage({ route }) {
  const [pages, setPages] = useState(1);
  const [selected, setSelected] = useState(null);
  const text = route.query.text ?? "";
  const limit = Math.min(500, PAGE * pages);
  const list = useLoaded(pathWith("/api/v1/office/payments", { text, limit }));
  const rows = list.data?.payments ?? [];
  const open = (id) => goTo(linkTo("payments", id));
  useRowKeys({
    ids: rows.map(({ payment }) => payment.payment_id),
    selected,
    onMove: setSelected,
    onOpen: open,
  });
  const search = (typed) => replaceWith(linkTo("payments", null, { text: typed.trim() }));
  return html`<div class="sheet">
    <header class="head">
      <div><h1 class="head__title">${t("list.title")}</h1>
        <p class="head__line">${t("list.line")}</p></div>
    </header>
    <div class="filters"><${Search} label=${t("list.search")} text=${text} onText=${search} /></div>
    <${Body} list=${list} rows=${rows} text=${text} selected=${selected} onOpen=${open}
      onMore=${() => setPages(pages + 1)} full=${limit === 500} />
  </div>`;
}

function Body({ list, rows, text, selected, onOpen, onMore, full }) {
  if (list.error) return html`<${Trouble} error=${list.error} onAgain=${list.reload} />`;
  if (!list.data) return html`<${Loading} rows=${12} />`;
  if (!rows.length) return html`<${Nothing} text=${text} />`;
  return html`<table class="table payments">
      <thead class="table__head"><tr>
        <th class="first">${t("col.id")}</th><th>${t("col.recorded")}</th>
        <th class="wide">${t("col.agent")}</th><th>${t("col.number")}</th>
        <th>${t("col.account")}</th><th>${t("col.state")}</th><th class="right">${t("col.sum")}</th>
      </tr></thead>
      <tbody>${rows.map(
        (row) => html`<${Row} key=${row.payment.payment_id} row=${row}
        selected=${row.payment.payment_id === selected} onOpen=${onOpen} />`,
      )}</tbody>
      <tfoot class="table__foot"><tr>
        <td class="first" colspan="6">${t("list.shown", { n: rows.length })}</td>
        <td class="right"><${Money} kopecks=${totalOf(rows)} /></td>
      </tr></tfoot>
    </table>
    ${
      list.data.next &&
      !full &&
      html`<div class="more"><${Button} busy=${list.loading} onClick=${onMore}>
      ${shared("list.more")}<//></div>`
    }`;
}

const totalOf = (rows) => rows.reduce((all, { payment }) => all + payment.amount_kopecks, 0);

function Row({ row: { payment, agent_title: agent }, selected, onOpen }) {
  const { payment_id: id } = payment;
  return html`<tr class="table__row" aria-selected=${String(selected)} data-payment=${id}
    onClick=${() => onOpen(id)}>
    <td class="first"><a class="row-link" href=${linkTo("payments", id)}>${id}</a></td>
    <td class="soft">${formatTime(payment.recorded_at)}</td>
    <td class="wide">${agent}</td>
    <td class="soft">${payment.agent_payment_id}</td>
    <td><${AccountNumber} number=${payment.account} /></td>
    <td><${PaymentPill} state=${payment.state} /></td>
    <td class="right"><${Money} kopecks=${payment.amount_kopecks} size="row" /></td>
  </tr>`;
}

function Nothing({ text }) {
  if (!text) return html`<${Empty} icon="cash" title=${t("list.empty")}>${t("list.empty.text")}<//>`;
  return html`<${Empty} icon="search" title=${t("list.none")}
    action=${html`<${Button} onClick=${() => goTo(linkTo("payments"))}>${t("list.reset")}<//>`}>
    ${t("list.none.text")}<//>`;
}
