// A case, told like a story: what the bank says, what we have, what differs, what the money did,
// what can be done. Whoever comes too late is told who was faster.
import { html, useEffect, useState } from "../../ui_kit/html.js";
import { post } from "../../ui_kit/api.js";
import { Button } from "../../ui_kit/components/button.js";
import { Money } from "../../ui_kit/components/money.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatTime } from "../../ui_kit/dates.js";
import { formatMoney } from "../../ui_kit/money.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { tellIfStranger, useLoaded } from "../parts/loaded.js";
import { CasePill } from "../parts/pill.js";
import { Loading, Trouble, sentenceOf } from "../parts/states.js";
import { Compare } from "./compare.js";
import { daysBetween } from "./compare_rows.js";
import { Decide } from "./decide.js";
import { t as decisions } from "./decide_words.js";
import { History } from "./history.js";
import { Trail } from "./trail.js";
import { Waiting } from "./waiting.js";
import { t } from "./words.js";

export function CasePage({ id, staff, choices, onChanged, onNext, onClose }) {
  const path = `/api/v1/office/mismatches/${id}`;
  const loaded = useLoaded(path);
  const [conflict, setConflict] = useState(null);
  const act = async (what, body) => {
    try {
      loaded.setData(await post(`${path}/${what}`, body));
      setConflict(null);
      onChanged();
      return null;
    } catch (error) {
      tellIfStranger(error);
      if (error.code !== "CONFLICT") return error;
      // First the case as it is now, then who was faster: never the warning over the old picture.
      await loaded.reload();
      setConflict({ error, reason: body.reason ?? "" });
      onChanged();
      return null;
    }
  };
  useKeys({ Escape: onClose });
  return html`<article class="case" data-case-page=${id} data-version=${loaded.data?.version}>
    ${
      loaded.error &&
      !loaded.data &&
      html`<${Trouble} error=${loaded.error}
      onAgain=${loaded.reload} />`
    }
    ${!loaded.error && !loaded.data && html`<${Loading} rows=${12} />`}
    ${
      loaded.data &&
      html`<${Story} story=${loaded.data} staff=${staff} act=${act} onClose=${onClose}
        onNext=${onNext}
      limit=${choices?.second_person_above_kopecks ?? 0} conflict=${conflict}
      onSeen=${() => setConflict(null)} />`
    }
  </article>`;
}

function Story({ story, staff, limit, act, conflict, onSeen, onNext, onClose }) {
  useEffect(() => document.querySelector(".case").scrollTo(0, 0), [story.version]);
  return html`
    <${Head} story=${story} staff=${staff} act=${act} onClose=${onClose} />
    ${conflict && html`<${TooLate} conflict=${conflict} onSeen=${onSeen} />`}
    ${story.outcome && html`<${Outcome} story=${story} onNext=${onNext} />`}
    <${Compare} story=${story} />
    <${Trail} story=${story} />
    <${Deciding} key=${story.version} story=${story} staff=${staff} limit=${limit} act=${act} />
    <${History} story=${story} />`;
}

function Head({ story, staff, act, onClose }) {
  const { assignee, state } = story;
  const mayDecide = staff.rights.includes("resolve") && story.decisions.length > 0;
  const mine = assignee?.login === staff.login;
  const take = () => (mayDecide && !mine ? act("take", { version: story.version }) : false);
  useKeys({ t: take });
  const who = mine
    ? t("who.mine")
    : assignee
      ? t("who.other", { person: assignee.name })
      : t("who.nobody");
  return html`<header class="case__head">
    <div class="case__line">
      <span class="case__number">${t("number", { id: story.mismatch_id })}</span>
      <${CasePill} state=${state} />
      ${!story.outcome && html`<span class="soft">${who}</span>`}
      <span class="case__tools">
        ${mayDecide && !mine && html`<${Button} onClick=${take}>${t("take")} <${Kbd}>T<//><//>`}
        ${
          mayDecide &&
          mine &&
          !story.proposal &&
          html`<${Button} kind="plain"
          onClick=${() => act("release", { version: story.version })}>${t("release")}<//>`
        }
        <${Button} kind="plain" icon="close" onClick=${onClose}>${t("back")} <${Kbd}>Esc<//><//>
      </span>
    </div>
    <div class="case__what">
      <h1 class="case__title">${titleOf(story)}</h1>
      ${story.kind !== "FAST_TERMINAL" && html`<${Stake} story=${story} />`}
    </div>
  </header>`;
}

const ONE_PAYMENT = ["SAME_SUM_TWICE", "REVERSAL_ASKED"];

function Stake({ story }) {
  return html`<p class="case__stake"><span class="field__label">
    ${t(ONE_PAYMENT.includes(story.kind) && !story.details.more ? "stake.payment" : "stake")}</span>
    ${
      story.line?.amount_kopecks === null
        ? html`<span class="money money--sum">—</span>`
        : html`<${Money} kopecks=${story.amount_kopecks} size="sum" />`
    }</p>`;
}

function titleOf(story) {
  const { kind, line, payment, details } = story;
  if (kind === "SAME_SUM_TWICE" && details.more)
    return t("title.SAME_SUM_TWICE.more", { n: details.more });
  if (kind === "FAST_TERMINAL") {
    const why = details.payments_in_minute > details.payments_max ? "payments" : "unknown";
    return t(`title.FAST_TERMINAL.${why}`, { terminal: details.terminal });
  }
  if (kind === "AMOUNT_DIFFERS")
    return t(`title.AMOUNT_DIFFERS.${story.amount_kopecks > 0 ? "more" : "less"}`, {
      sum: formatMoney(Math.abs(story.amount_kopecks)),
    });
  if (kind === "DATE_DIFFERS")
    return t("title.DATE_DIFFERS", { n: daysBetween(line.paid_on, payment.business_day) });
  return t(`title.${kind}`, { account: line?.account ?? "" });
}

function Deciding({ story, staff, limit, act }) {
  if (!story.decisions.length) return null;
  if (story.proposal && !story.proposal.claimed)
    return html`<${Waiting} story=${story} staff=${staff} act=${act} />`;
  if (!staff.rights.includes("resolve"))
    return html`<section class="section"><p class="section__note">${decisions("readonly")}</p>
      </section>`;
  const action = story.proposal && decisions(`do.${story.proposal.action}`).toLowerCase();
  return html`
    ${
      story.proposal &&
      html`<div class="section"><${Notice} kind="look"
        title=${decisions("claimed.title", { action })}>
      ${decisions("claimed.text")}<//></div>`
    }
    <${Decide} story=${story} limit=${limit} act=${act} />`;
}

function Outcome({ story, onNext }) {
  const { outcome, decided_by: by, decided_at: at, confirmed_by: confirmed } = story;
  const person = by?.login === "system" ? t("system") : by?.name;
  const confirmation = confirmed ? `, ${t("outcome.confirmed", { person: confirmed.name })}` : "";
  return html`<div class="case__done"><${Notice} kind="safe" title=${t(`outcome.${outcome}`)}>
    <p>${t("outcome.by", { person, time: formatTime(at) })}${confirmation}</p>
    ${by?.login !== "system" && html`<p>${story.reason}</p>`}
    ${onNext && html`<${Button} iconAfter="next" onClick=${onNext}>${t("next")} <${Kbd}>J<//><//>`}
  <//></div>`;
}

function TooLate({ conflict, onSeen }) {
  return html`<div class="case__late"><${Notice} kind="look" title=${t("conflict.title")}>
    <p>${sentenceOf(conflict.error)}</p>
    ${conflict.reason && html`<p>${t("conflict.reason", { reason: conflict.reason })}</p>`}
    <${Button} onClick=${onSeen}>${t("conflict.seen")}<//>
  <//></div>`;
}
