// What the bank says beside what we have, field by field; what differs is typeset digit by digit.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { formatDateShort } from "../../ui_kit/dates.js";
import { linkTo } from "../route.js";
import { comparison } from "./compare_rows.js";
import { t } from "./words.js";

export function Compare({ story }) {
  const { line, registry } = story;
  const { title, left, right, rows } = comparison(story);
  return html`<section class="section">
    <h2 class="section__title">${title}</h2>
    <div class=${`compare${rows.some((row) => row.gap) ? " compare--gap" : ""}`} role="table">
      <div class="compare__row compare__row--head" role="row">
        <span class="compare__field" role="columnheader"></span>
        <span class="compare__side" role="columnheader">${left}</span>
        <span class="compare__side" role="columnheader">${right}</span>
        <span class="compare__gap" role="columnheader">
          ${rows.some((row) => row.gap) ? t("gap") : ""}</span>
      </div>
      ${rows.map((row) => html`<${Row} key=${row.field} row=${row} />`)}
    </div>
    ${line?.fault && html`<${Raw} line=${line} />`}
    ${story.details.differences && html`<${Notes} notes=${story.details.differences} />`}
    ${registry && html`<${Source} story=${story} />`}
    <${Payments} story=${story} />
    ${story.kind === "FAST_TERMINAL" && html`<${ToAgent} story=${story} />`}
  </section>`;
}

function Source({ story }) {
  const { registry } = story;
  return html`<p class="section__note compare__source">
    <a class="link" href=${linkTo("registries", registry.registry_id)}>
      ${t("registry", { file: registry.file_name })}</a>${dayOf(registry)}${comparedWith(story)}
  </p>`;
}

/** Where the agent can be paused. */
const ToAgent = ({ story }) => html`<p class="section__note compare__source">
  <a class="link" href=${linkTo("agents", story.agent)}>${t("see.agent")}</a></p>`;

/** The way to what became of the money of each payment. */
function Payments({ story }) {
  const ids = [story.other_payment, story.payment].filter(Boolean).map((each) => each.payment_id);
  if (!ids.length) return null;
  return html`<p class="section__note compare__source">${ids.map(
    (id) => html`<a class="link" key=${id} href=${linkTo("payments", id)}>
      ${t("see.payment", { payment: id })}</a> `,
  )}</p>`;
}

const dayOf = ({ day }) => (day ? ` ${t("registry.day", { day: formatDateShort(day) })}` : "");

const comparedWith = ({ payment, twin }) =>
  !payment && twin ? `. ${t("twin", { file: twin.file_name, line: twin.number })}` : "";

function Row({ row }) {
  return html`<div class=${`compare__row${row.differs ? " compare__row--differs" : ""}`}
    role="row" data-field=${row.field}>
    <span class="compare__field" role="rowheader">${
      row.differs &&
      html`<${Icon} name="differ"
      size="1em" />`
    }${t(`field.${row.field}`)}</span>
    <span class="compare__side figures" role="cell">${row.left}${row.leftNote}</span>
    <span class="compare__side figures" role="cell">${row.right}${row.rightNote}</span>
    <span class="compare__gap figures" role="cell">${row.gap}</span>
  </div>`;
}

function Raw({ line }) {
  const place = Math.max(0, line.column - 1);
  const rest = line.raw.slice(place + 1).search(/[\t|;]/);
  const end = rest < 0 ? line.raw.length : place + 1 + rest;
  const shown = (text) => text.replaceAll("\t", " ⇥ ");
  return html`<div class="raw">
    <p class="raw__fault"><${Icon} name="risk" size="1em" /> ${line.fault}</p>
    <p class="section__note">${t("raw", { line: line.number })}</p>
    <pre class="excerpt">${shown(line.raw.slice(0, place))}<mark class="excerpt__at">
      ${shown(line.raw.slice(place, end))}</mark>${shown(line.raw.slice(end))}</pre>
  </div>`;
}

function Notes({ notes }) {
  return html`<div class="raw"><p class="section__note">${t("total.notes")}</p>
    <ul>${notes.map(
      (note) => html`<li key=${note.line + note.message}>${t("total.note", note)}
      </li>`,
    )}</ul></div>`;
}
