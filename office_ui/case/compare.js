// What the bank says beside what we have, field by field; what differs is typeset digit by digit.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatDateShort } from "../../ui_kit/dates.js";
import { formatMoney } from "../../ui_kit/money.js";
import { t as shared } from "../parts/words.js";
import { linkTo } from "../route.js";
import { aligned, alignedSums } from "./digits.js";
import { t } from "./words.js";

export function Compare({ story }) {
  const { line, payment, twin, registry } = story;
  const ours = payment ?? twin;
  const rows = story.kind === "TOTAL_DIFFERS" ? totalRows(story) : fieldRows(story, ours);
  return html`<section class="section">
    <h2 class="section__title">${t("compare.title")}</h2>
    <div class=${`compare${rows.some((row) => row.gap) ? " compare--gap" : ""}`} role="table">
      <div class="compare__row compare__row--head" role="row">
        <span class="compare__field" role="columnheader"></span>
        <span class="compare__side" role="columnheader">${bankHead(story, line)}</span>
        <span class="compare__side" role="columnheader">${ourHead(story)}</span>
        <span class="compare__gap" role="columnheader">
          ${rows.some((row) => row.gap) ? t("gap") : ""}</span>
      </div>
      ${rows.map((row) => html`<${Row} key=${row.field} row=${row} />`)}
    </div>
    ${line?.fault && html`<${Raw} line=${line} />`}
    ${story.details.differences && html`<${Notes} notes=${story.details.differences} />`}
    ${registry && html`<${Source} story=${story} />`}
  </section>`;
}

function Source({ story }) {
  const { registry } = story;
  return html`<p class="section__note compare__source">
    <a class="link" href=${linkTo("registries", registry.registry_id)}>
      ${t("registry", { file: registry.file_name })}</a>${dayOf(registry)}${comparedWith(story)}
  </p>`;
}

const dayOf = ({ day }) => (day ? ` ${t("registry.day", { day: formatDateShort(day) })}` : "");

const comparedWith = ({ payment, twin }) =>
  !payment && twin ? `. ${t("twin", { file: twin.file_name, line: twin.number })}` : "";

const bankHead = (story, line) =>
  line
    ? t("compare.bank", { agent: story.agent_title, line: line.number })
    : t("compare.bank.none", { agent: story.agent_title });

function ourHead({ kind, payment, twin }) {
  if (kind === "TOTAL_DIFFERS") return t("compare.us.lines");
  if (payment) return t("compare.us.payment", { payment: payment.payment_id });
  return twin ? t("compare.us.twin", { line: twin.number }) : t("compare.us");
}

function totalRows({ registry }) {
  const { declared_total_kopecks: declared, computed_total_kopecks: computed } = registry;
  return [
    {
      ...sumRow("total", declared, computed),
      gap: html`<${Money} kopecks=${computed - declared} size="row" />`,
    },
  ];
}

function fieldRows(story, ours) {
  const { line } = story;
  const operation = ours ? (ours.agent_payment_id ?? ours.operation) : "";
  return [
    textRow("operation", line && line.operation, ours && operation, "none.payment"),
    accountRow(story, ours),
    sumRow(
      "amount",
      line ? line.amount_kopecks : undefined,
      ours ? ours.amount_kopecks : undefined,
    ),
    dateRow(line, ours),
  ];
}

function textRow(field, left, right, none) {
  const both = Boolean(left) && Boolean(right);
  const differs = both && left !== right;
  const pairs = differs ? aligned(left, right) : null;
  return {
    field,
    differs,
    left: pairs
      ? html`<${Typeset} pairs=${pairs} side="left" />`
      : left || html`<${None} word=${left === null ? "none.line" : "none.value"} />`,
    right: pairs
      ? html`<${Typeset} pairs=${pairs} side="right" />`
      : right || html`<${None} word=${none} />`,
  };
}

function accountRow({ line, account, payment_account: paymentAccount }, ours) {
  const row = textRow(
    "account",
    line && line.account,
    ours ? ours.account : account && account.account,
    "none.account",
  );
  if (!line) row.left = html`<${None} word="none.dash" />`;
  return {
    ...row,
    leftNote:
      ours && line && account && row.differs ? html`<${Holder} account=${account} />` : null,
    rightNote: html`<${Holder} account=${ours ? (paymentAccount ?? account) : account} />`,
  };
}

function sumRow(field, left, right) {
  const known = (kopecks) => kopecks !== null && kopecks !== undefined;
  const both = known(left) && known(right);
  const differs = both && left !== right;
  const pairs = differs ? alignedSums(formatMoney(left), formatMoney(right)) : null;
  const show = (kopecks, side) => {
    if (pairs) return html`<span class="money"><${Typeset} pairs=${pairs} side=${side} /></span>`;
    if (known(kopecks)) return html`<${Money} kopecks=${kopecks} />`;
    return html`<${None} word=${kopecks === null ? "none.value" : "none.dash"} />`;
  };
  return {
    field,
    differs,
    left: show(left, "left"),
    right: show(right, "right"),
    gap: differs && html`<${Money} kopecks=${left - right} size="row" />`,
  };
}

function dateRow(line, ours) {
  const left = line && line.paid_on;
  const right = ours && (ours.business_day ?? ours.paid_on);
  const row = textRow(
    "date",
    left && formatDateShort(left),
    right && formatDateShort(right),
    "none.dash",
  );
  if (!line) row.left = html`<${None} word="none.dash" />`;
  const far = left && right ? daysBetween(left, right) : 0;
  return { ...row, gap: far ? t("gap.days", { n: far }) : null };
}

export const daysBetween = (one, other) =>
  Math.abs(
    Math.round((Date.parse(one.slice(0, 10)) - Date.parse(other.slice(0, 10))) / 86_400_000),
  );

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

// Read aloud as one text, seen as digits of which some are marked.
function Typeset({ pairs, side }) {
  const text = pairs.map((pair) => pair[side]).join("");
  return html`<span class="typeset"><span class="unseen">${text}</span><span aria-hidden="true">
    ${pairs.map(
      (pair, index) =>
        html`<span key=${index} class=${digitClass(pair, side)}>${pair[side] || "\u2007"}</span>`,
    )}</span></span>`;
}

function digitClass(pair, side) {
  const light = pair.light ? " digit--light" : "";
  if (pair.same) return `digit${light}`;
  return pair[side] ? "digit digit--differs" : "digit digit--none";
}

const None = ({ word }) => html`<span class="compare__none">${t(word)}</span>`;

function Holder({ account }) {
  if (!account) return null;
  const debt = account.debt_kopecks;
  const word = debt > 0 ? "account.debt" : debt < 0 ? "account.over" : "account.zero";
  return html`<span class="compare__note">${account.holder}<br />${bound(account.address)}<br />${
    account.state !== "active"
      ? html`<span class="compare__warn">${shared(`account.${account.state}`)}</span>, `
      : ""
  }${t(word, { sum: formatMoney(Math.abs(debt)) })}</span>`;
}

// A flat's number does not leave its «кв.».
const bound = (address) => address.replaceAll(". ", ".\u00a0");

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
