// The list of mismatches and, beside it, the open case.
import { html, useState } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatDateShort } from "../../ui_kit/dates.js";
import { CasePage } from "../case/case.js";
import { pathWith, useLoaded } from "../parts/loaded.js";
import { AccountNumber } from "../parts/numbers.js";
import { CasePill } from "../parts/pill.js";
import { useRowKeys } from "../parts/rows.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { t as shared } from "../parts/words.js";
import { goTo, linkTo, replaceWith } from "../route.js";
import { Filters } from "./filters.js";
import { t } from "./words.js";

const PAGE = 100;
const NO_SUM = ["BAD_LINE", "FAST_TERMINAL"];

export function MismatchesPage({ staff, route }) {
  const { id, query } = route;
  const [pages, setPages] = useState(1);
  const state = query.state === "all" ? "" : query.state || "undone";
  const list = useLoaded(
    pathWith("/api/v1/office/mismatches", { ...query, state, limit: Math.min(500, PAGE * pages) }),
  );
  const choices = useLoaded("/api/v1/office/choices");
  const [marked, setMarked] = useState(null);
  const rows = list.data?.mismatches ?? [];
  const selected = id ?? marked;
  const open = (which) => goTo(linkTo("mismatches", which, query));
  const onNext = useRowKeys({
    ids: rows.map((row) => row.mismatch_id),
    selected,
    // With a case open the eye stays on it: moving opens the next one.
    onMove: id === null ? setMarked : open,
    onOpen: open,
  });
  const change = (changes) => replaceWith(linkTo("mismatches", id, { ...query, ...changes }));
  const close = () => {
    setMarked(id);
    goTo(linkTo("mismatches", null, query));
  };
  return html`<div class=${id === null ? "cases-page" : "cases-page cases-page--open"}>
    <section class="cases">
      <h1 class="head__title cases__title">${t("title")}</h1>
      <${Filters} query=${query} kinds=${list.data?.kinds ?? []}
        agents=${choices.data?.agents ?? []}
        onChange=${change} />
      <${List} list=${list} rows=${rows} selected=${selected} wide=${id === null} filtered=${query}
        onOpen=${open} onMore=${() => setPages(pages + 1)} />
    </section>
    ${
      id !== null &&
      html`<${CasePage} key=${id} id=${id} staff=${staff} choices=${choices.data}
      onChanged=${list.reload} onNext=${onNext} onClose=${close} />`
    }
  </div>`;
}

function List({ list, rows, selected, wide, filtered, onOpen, onMore }) {
  if (list.error) return html`<${Trouble} error=${list.error} onAgain=${list.reload} />`;
  if (!list.data) return html`<${Loading} rows=${14} />`;
  if (!rows.length) return html`<${Nothing} filtered=${filtered} />`;
  return html`<div class="scroll cases__scroll">
    <table class="table">
      <${Head} wide=${wide} />
      <tbody>${rows.map(
        (row) => html`<${Row} key=${row.mismatch_id} row=${row} wide=${wide}
        query=${filtered} selected=${row.mismatch_id === selected} onOpen=${onOpen} />`,
      )}</tbody>
      <tfoot class="table__foot"><tr>
        <td class="first" colspan=${wide ? 7 : 3}>${t("total", { n: list.data.count })}</td>
        <td class="right"><${Money} kopecks=${list.data.total_kopecks} /></td>
      </tr></tfoot>
    </table>
    ${
      list.data.next &&
      html`<div class="more"><${Button} busy=${list.loading} onClick=${onMore}>
      ${shared("list.more")}<//></div>`
    }
  </div>`;
}

function Head({ wide }) {
  return html`<thead class="table__head"><tr>
    <th class="first">${t("col.kind")}</th>
    <th class=${wide ? "" : "wide"}>${t("col.account")}</th>
    ${
      wide &&
      html`<th>${t("col.operation")}</th><th class="wide">${t("col.agent")}</th><th>
      ${t("col.day")}</th>`
    }
    <th>${t("col.state")}</th>
    ${wide && html`<th>${t("col.who")}</th>`}
    <th class="right">${t("col.sum")}</th>
  </tr></thead>`;
}

function Row({ row, wide, selected, query, onOpen }) {
  const link = linkTo("mismatches", row.mismatch_id, query);
  return html`<tr class="table__row" aria-selected=${String(selected)} data-case=${row.mismatch_id}
    data-kind=${row.kind} onClick=${() => onOpen(row.mismatch_id)}>
    <td class="first"><a class="row-link" href=${link}>${shared(`kind.${row.kind}`)}</a></td>
    <td class=${wide ? "" : "wide"}><${AccountNumber} number=${row.account} /></td>
    ${
      wide &&
      html`<td class="soft">${row.operation || "—"}</td>
      <td class="wide">${row.agent_title}</td>
      <td class="soft">${row.registry_day ? formatDateShort(row.registry_day) : "—"}</td>`
    }
    <td>${
      row.waits_for_second
        ? html`<span class="pill pill--look">${t("waits")}
      </span>`
        : html`<${CasePill} state=${row.state} />`
    }</td>
    ${wide && html`<td class="soft">${row.assignee?.name ?? ""}</td>`}
    <td class="right">${
      NO_SUM.includes(row.kind) && !row.amount_kopecks
        ? "—"
        : html`<${Money}
      kopecks=${row.amount_kopecks} size="row" />`
    }</td>
  </tr>`;
}

function Nothing({ filtered }) {
  const narrow = ["kind", "agent", "text", "registry"].some((name) => filtered[name]);
  if (!narrow && !filtered.state)
    return html`<${Empty} icon="check" title=${t("empty.done")}>${t("empty.done.text")}<//>`;
  return html`<${Empty} icon="search" title=${t("empty.none")}
    action=${html`<${Button} onClick=${() => goTo(linkTo("mismatches", null, { state: "all" }))}>
      ${t("empty.reset")}<//>`}>
    ${t("empty.none.text")}<//>`;
}
