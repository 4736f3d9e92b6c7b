// The rows of the comparison: what stands on the left, on the right, and what lies between. The two
// sides are the bank and us, two payments, what was told before and now, a bound and what was seen.
import { html } from "../../ui_kit/html.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatDateShort, formatTime } from "../../ui_kit/dates.js";
import { formatMoney } from "../../ui_kit/money.js";
import { t as shared } from "../parts/words.js";
import { aligned, alignedSums } from "./digits.js";
import { t } from "./words.js";

/** { title, left, right, rows } of a case. */
export function comparison(story) {
  switch (story.kind) {
    case "SAME_SUM_TWICE":
      return twice(story);
    case "FAST_TERMINAL":
      return fast(story);
    case "FEE_DIFFERS":
      return fees(story);
    case "REVERSAL_ASKED":
      return asked(story);
    case "TOTAL_DIFFERS":
      return againstBank(story, totalRows(story));
    default:
      return againstBank(story, fieldRows(story, story.payment ?? story.twin));
  }
}

const MINUTE_MS = 60_000;

const againstBank = (story, rows) => ({
  title: t("compare.title"),
  left: bankHead(story, story.line),
  right: ourHead(story),
  rows,
});

function twice(story) {
  const { payment, other_payment: other, other_agent_title: otherAgent } = story;
  const apart = Math.abs(Date.parse(payment.recorded_at) - Date.parse(other.recorded_at));
  return {
    title: t("compare.twice"),
    left: t("compare.twice.side", { agent: otherAgent, payment: other.payment_id }),
    right: t("compare.twice.side", { agent: story.agent_title, payment: payment.payment_id }),
    rows: [
      plainRow("operation", other.agent_payment_id, payment.agent_payment_id),
      {
        ...plainRow("account", other.account, payment.account),
        rightNote: html`<${Holder} account=${story.payment_account} />`,
      },
      sumRow("amount", other.amount_kopecks, payment.amount_kopecks),
      {
        ...plainRow("recorded", formatTime(other.recorded_at), formatTime(payment.recorded_at)),
        gap: t("gap.minutes", { n: Math.max(1, Math.round(apart / MINUTE_MS)) }),
      },
    ],
  };
}

/** No file: what the agent asks beside the payment that it speaks of. */
function asked(story) {
  const { payment, details } = story;
  return {
    title: t("compare.asked"),
    left: t("compare.asked.side", { agent: story.agent_title }),
    right: ourHead(story),
    rows: [
      plainRow("operation", payment.agent_payment_id, payment.agent_payment_id),
      {
        ...plainRow("account", "", payment.account),
        rightNote: html`<${Holder} account=${story.payment_account} />`,
      },
      sumRow("amount", payment.amount_kopecks, payment.amount_kopecks),
      plainRow("when", formatTime(story.opened_at), formatTime(payment.recorded_at)),
      plainRow("reason", details.reason || "—", ""),
    ],
  };
}

function fast({ details, agent_title: agent }) {
  const row = (field, seen, bound) => ({ ...plainRow(field, bound, seen), differs: seen > bound });
  return {
    title: t("compare.fast", { agent }),
    left: t("compare.fast.bound"),
    right: t("compare.fast.seen"),
    rows: [
      row("payments", details.payments_in_minute, details.payments_max),
      row("unknown", details.unknown_in_minute, details.unknown_max),
      plainRow("first", "", formatTime(details.first_at)),
      plainRow("last", "", formatTime(details.last_at)),
    ],
  };
}

const AMOUNTS = ["accepted", "payer_fee", "credited", "withheld", "transfer"];

function fees({ payment, details }) {
  const { before, now } = details.fees;
  return {
    title: t("compare.fees", { payment: payment.payment_id }),
    left: t("compare.fees.before"),
    right: t("compare.fees.now"),
    rows: AMOUNTS.map((each) => changed(each, before[`${each}_kopecks`], now[`${each}_kopecks`])),
  };
}

/** What became of a sum: the gap is how much more it is now. */
function changed(field, before, now) {
  const row = sumRow(field, before, now);
  return row.gap ? { ...row, gap: html`<${Money} kopecks=${now - before} size="row" />` } : row;
}

const plainRow = (field, left, right) => ({
  field,
  differs: false,
  left: String(left),
  right: String(right),
});

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
