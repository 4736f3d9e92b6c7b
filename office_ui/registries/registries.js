// All registries, the newest first, and the way in for a new one.
import { html, useEffect, useRef, useState } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatDateShort, formatTime } from "../../ui_kit/dates.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { pathWith, useLoaded } from "../parts/loaded.js";
import { Pill } from "../parts/pill.js";
import { useRowKeys } from "../parts/rows.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { t as shared } from "../parts/words.js";
import { goTo, linkTo, replaceWith } from "../route.js";
import { Refusals } from "./refusals.js";
import { Upload } from "./upload.js";
import { t } from "./words.js";

const PAGE = 50;

export function RegistriesPage({ staff, route }) {
  const [pages, setPages] = useState(1);
  const agent = route.query.agent ?? "";
  const list = useLoaded(pathWith("/api/v1/office/registries", { agent, limit: PAGE * pages }));
  const choices = useLoaded("/api/v1/office/choices");
  const [file, setFile] = useState(undefined);
  const mayUpload = staff.rights.includes("import");
  const [selected, setSelected] = useState(null);
  const rows = list.data?.registries ?? [];
  const open = (id) => goTo(linkTo("registries", id));
  useRowKeys({
    ids: rows.map((row) => row.registry_id),
    selected,
    onMove: setSelected,
    onOpen: open,
  });
  useKeys({ u: () => (mayUpload ? setFile(null) : false) });
  const dropping = useDrop(mayUpload, setFile);

  return html`<div class="sheet">
    <header class="head">
      <div><h1 class="head__title">${t("title")}</h1><p class="head__line">${t("line")}</p></div>
      <div class="head__tools">
        <${AgentFilter} choices=${choices.data} agent=${agent} />
        ${
          mayUpload &&
          html`<${Button} kind="main" icon="upload" onClick=${() => setFile(null)}>
          ${t("upload")} <${Kbd}>U<//><//>`
        }
      </div>
    </header>
    <${Body} list=${list} rows=${rows} selected=${selected} onOpen=${open}
      onMore=${() => setPages(pages + 1)} />
    ${dropping && html`<div class="drop"><p class="drop__text">${t("up.drop")}</p></div>`}
    ${
      file !== undefined &&
      html`<${Upload} file=${file} choices=${choices.data}
      onClose=${() => setFile(undefined)} onDone=${list.reload} />`
    }
  </div>`;
}

function AgentFilter({ choices, agent }) {
  if (!choices) return null;
  const choose = (event) => replaceWith(linkTo("registries", null, { agent: event.target.value }));
  return html`<label class="unseen-label"><span class="unseen">${t("filter.agent")}</span>
    <select class="input" value=${agent} onChange=${choose}>
      <option value="">${t("filter.all")}</option>
      ${choices.agents.map(
        ({ name, title }) => html`<option key=${name} value=${name}>${title}
        </option>`,
      )}
    </select></label>`;
}

function Body({ list, rows, selected, onOpen, onMore }) {
  if (list.error) return html`<${Trouble} error=${list.error} onAgain=${list.reload} />`;
  if (!list.data) return html`<${Loading} rows=${10} />`;
  if (!rows.length)
    return html`<${Empty} icon="bill" title=${t("empty.title")}>${t("empty.text")}<//>
      <${Refusals} rows=${list.data.refusals} />`;
  return html`<table class="table registries">
      <thead class="table__head"><tr>
        <th class="first">${t("col.day")}</th><th>${t("col.agent")}</th><th class="wide">
          ${t("col.file")}</th>
        <th class="right">${t("col.lines")}</th><th class="right">${t("col.matched")}</th>
        <th>${t("col.cases")}</th><th>${t("col.imported")}</th><th class="right">${t("col.total")}
          </th>
      </tr></thead>
      <tbody>${rows.map(
        (row) => html`<${Row} key=${row.registry_id} row=${row}
        selected=${row.registry_id === selected} onOpen=${onOpen} />`,
      )}</tbody>
      <tfoot class="table__foot"><tr>
        <td class="first" colspan="7">${t("total", { n: list.data.count })}</td>
        <td class="right"><${Money} kopecks=${list.data.total_kopecks} /></td>
      </tr></tfoot>
    </table>
    ${
      list.data.next &&
      html`<div class="more"><${Button} busy=${list.loading} onClick=${onMore}>
      ${shared("list.more")}<//></div>`
    }
    <${Refusals} rows=${list.data.refusals} />`;
}

function Row({ row, selected, onOpen }) {
  return html`<tr class="table__row" aria-selected=${String(selected)}
    data-registry=${row.registry_id}
    onClick=${() => onOpen(row.registry_id)}>
    <td class="first"><a class="row-link" href=${linkTo("registries", row.registry_id)}>
      ${row.day ? formatDateShort(row.day) : t("noday")}</a></td>
    <td>${row.agent_title}</td>
    <td class="wide soft" title=${row.file_name}>${row.file_name}</td>
    <td class="right">${row.lines}</td>
    <td class="right">${row.matched}</td>
    <td><${Standing} row=${row} /></td>
    <td class="soft">${formatTime(row.imported_at)}</td>
    <td class="right"><${Money} kopecks=${row.computed_total_kopecks} size="row" /></td>
  </tr>`;
}

export function Standing({ row }) {
  if (row.open) return html`<${Pill} kind="open">${t("cases.open", { n: row.open })}<//>`;
  if (row.state === "closed") return html`<${Pill} kind="closed">${t("closed")}<//>`;
  const done = row.resolved + row.closed;
  return html`<${Pill} kind="safe">${t(done ? "cases.done" : "cases.none")}<//>`;
}

/** Whether a file hovers over the window; a dropped one goes to `onFile`. */
function useDrop(enabled, onFile) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  useEffect(() => {
    if (!enabled) return undefined;
    const hasFile = (event) => event.dataTransfer?.types.includes("Files");
    const change = (by) => (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      depth.current = Math.max(0, depth.current + by);
      setOver(depth.current > 0);
    };
    const drop = (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      depth.current = 0;
      setOver(false);
      if (event.dataTransfer.files.length) onFile(event.dataTransfer.files[0]);
    };
    const listeners = { dragenter: change(1), dragleave: change(-1), dragover: change(0), drop };
    for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener);
    };
  }, [enabled]);
  return over;
}
