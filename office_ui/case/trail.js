// What the money of the case did, up to now.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { formatTime } from "../../ui_kit/dates.js";
import { formatMoney } from "../../ui_kit/money.js";
import { t as shared } from "../parts/words.js";
import { t } from "./words.js";

export function Trail({ story }) {
  const steps = stepsOf(story);
  return html`<section class="section">
    <h2 class="section__title">${t("money.title")}</h2>
    <ol class="trail">
      ${steps.map(
        (
          { icon, text, note, tone },
          index,
        ) => html`<li class=${`trail__step${tone ? ` trail__step--${tone}` : ""}`} key=${index}>
        <${Icon} name=${icon} /><span>${text}${note && html` <span class="soft">${note}</span>`}
          </span>
      </li>`,
      )}
    </ol>
  </section>`;
}

function stepsOf(story) {
  const { line, payment, moves, outcome } = story;
  if (story.kind === "TOTAL_DIFFERS") return [{ icon: "check", text: t("money.nothing") }];
  if (!line) return missingSteps(story);
  const steps = [];
  if (line.amount_kopecks)
    steps.push({ icon: "bill", text: t("money.start", { sum: formatMoney(line.amount_kopecks) }) });
  for (const move of moves) {
    steps.push({
      icon: "next",
      text: t("money.move", {
        sum: formatMoney(move.kopecks),
        from: shared(`bucket.${move.from_bucket}`),
        to: shared(`bucket.${move.to_bucket}`),
      }),
      note: formatTime(move.happened_at),
    });
  }
  for (const [bucket, kopecks] of Object.entries(line.buckets)) {
    // The posted payment below says the same and more.
    if (!(payment && outcome && bucket === "posted")) steps.push(position(bucket, kopecks));
  }
  if (payment && outcome) steps.push(paymentStep(payment));
  if (line.amount_kopecks === null)
    steps.push({ icon: "look", tone: "look", text: t("money.unread") });
  if (!steps.length) steps.push({ icon: "check", text: t("money.nothing") });
  return steps;
}

function missingSteps({ kind, payment, other_payment: other, details }) {
  const steps = [other, payment].filter(Boolean).map(paymentStep);
  return [...steps, { icon: "look", tone: "look", text: whyMissing(kind, details) }];
}

const WHY = {
  SAME_SUM_TWICE: "money.twice",
  FAST_TERMINAL: "money.fast",
  FEE_DIFFERS: "money.fees",
};

function whyMissing(kind, { reason }) {
  if (WHY[kind]) return t(WHY[kind]);
  if (kind !== "REVERSAL_ASKED") return t("money.notold");
  return reason ? t("money.asked", { reason }) : t("money.asked.plain");
}

function paymentStep(payment) {
  const { account, payment_id: id, state } = payment;
  if (state !== "credited")
    return {
      icon: "risk",
      tone: "risk",
      text: t("money.cancelled", { payment: id, state: shared(`payment.${state}`) }),
    };
  return {
    icon: "check",
    tone: "safe",
    text: t("money.credited", { sum: formatMoney(payment.amount_kopecks), account }),
    note: formatTime(payment.recorded_at),
  };
}

const TONES = { pending: "look", unidentified: "look", posted: "safe", already_online: "safe" };
const ICONS = { look: "clock", safe: "check" };

function position(bucket, kopecks) {
  const tone = TONES[bucket] ?? "";
  const text = t("money.now", {
    sum: formatMoney(kopecks),
    bucket: shared(`bucket.${bucket}`).toLowerCase(),
  });
  return { icon: ICONS[tone] ?? "undo", tone, text };
}
