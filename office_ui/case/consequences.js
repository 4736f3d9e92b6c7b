// What a decision would do, in words and roubles, from what the server told. Pure.
import { formatDate } from "../../ui_kit/dates.js";
import { formatMoney } from "../../ui_kit/money.js";
import { t as shared } from "../parts/words.js";
import { t } from "./decide_words.js";

/** The sum that a decision is about: the line's kopecks, or what is at stake. */
export const sumOf = (story) =>
  story.undecided_kopecks || story.line?.amount_kopecks || story.amount_kopecks;

/** { text, blocked }: the consequence, and whether the decision cannot be taken as things are. */
export function consequence(story, action, chosen) {
  const sum = formatMoney(Math.abs(sumOf(story)));
  switch (action) {
    case "post":
      return posting(story, sum);
    case "assign":
      return assigning(story, chosen.found, sum);
    case "match":
      return {
        text: t(story.candidates.length ? "then.match" : "then.match.empty"),
        blocked: false,
      };
    case "return":
      return { text: t("then.return", { sum }), blocked: false };
    case "reverse":
      return {
        text: t("then.reverse", { sum, account: story.payment?.account ?? "" }),
        blocked: false,
      };
    default:
      return { text: accepting(story, chosen.bucket, sum), blocked: false };
  }
}

function posting(story, sum) {
  const { account } = story;
  if (account?.state === "closed") return { text: t("then.post.closed"), blocked: true };
  if (account?.state === "suspended") return { text: t("then.post.suspended"), blocked: true };
  if (story.kind === "DUPLICATE_LINE")
    return { text: t("then.post.duplicate", { sum }), blocked: false };
  if (!account)
    return { text: t("then.post.plain", { account: story.line.account, sum }), blocked: false };
  return {
    text: t("then.post", { account: account.account, sum, ...debts(account, story) }),
    blocked: false,
  };
}

function assigning(story, found, sum) {
  const { line } = story;
  if (line && (line.amount_kopecks === null || line.paid_on === null))
    return { text: t("then.assign.unreadable"), blocked: true };
  if (!found) return { text: t("then.assign"), blocked: false };
  if (found.state !== "active")
    return { text: t("then.assign.closed", { account: found.account }), blocked: true };
  const { account, holder } = found;
  return {
    text: t("then.assign.found", { account, holder, sum, ...debts(found, story) }),
    blocked: false,
  };
}

const debts = (account, story) => ({
  before: standing(account.debt_kopecks),
  after: standing(account.debt_kopecks - sumOf(story)),
});

function standing(debt) {
  const word = debt > 0 ? "debt" : debt < 0 ? "over" : "zero";
  return t(`standing.${word}`, { sum: formatMoney(Math.abs(debt)) });
}

function accepting(story, bucketName, sum) {
  const { kind, payment } = story;
  const bucket = bucketName ? shared(`bucket.${bucketName}`) : "";
  const at = Math.abs(story.amount_kopecks);
  switch (kind) {
    case "NOT_IN_REGISTRY":
    case "REVERSAL_ASKED":
      return t(`then.accept.${kind}`, { sum, account: payment?.account ?? "" });
    case "SAME_SUM_TWICE":
      if (story.details.more) return t("then.accept.SAME_SUM_TWICE.more");
      return t("then.accept.SAME_SUM_TWICE", { account: payment.account });
    case "FAST_TERMINAL":
      return t("then.accept.FAST_TERMINAL");
    case "FEE_DIFFERS":
      return t("then.accept.FEE_DIFFERS", {
        sum: formatMoney(story.details.fees.now.transfer_kopecks),
      });
    case "AMOUNT_DIFFERS":
      return t(`then.accept.AMOUNT_DIFFERS.${story.amount_kopecks > 0 ? "more" : "less"}`, {
        ours: formatMoney(payment.amount_kopecks),
        sum: formatMoney(at),
        bucket,
      });
    case "ACCOUNT_DIFFERS":
      return t("then.accept.ACCOUNT_DIFFERS", { account: payment.account });
    case "DATE_DIFFERS":
      return t("then.accept.DATE_DIFFERS", { day: formatDate(payment.business_day) });
    case "TOTAL_DIFFERS":
      return t("then.accept.TOTAL_DIFFERS", {
        sum: formatMoney(story.registry.computed_total_kopecks),
      });
    default:
      if (!bucket) return t("then.accept.nothing");
      return t(kind === "DUPLICATE_LINE" ? "then.accept.DUPLICATE_LINE" : "then.accept.bucket", {
        sum,
        bucket,
      });
  }
}
