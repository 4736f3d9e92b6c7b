// One agent: what it took today, what it may take, and the way to pause it at once.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatDate, formatDateShort, formatTime } from "../../ui_kit/dates.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { useLoaded } from "../parts/loaded.js";
import { Loading, Trouble } from "../parts/states.js";
import { goTo, linkTo } from "../route.js";
import { Works } from "./agents.js";
import { Doings } from "./doings.js";
import { Limits } from "./limits.js";
import { Pausing } from "./pausing.js";
import { t } from "./words.js";

export function AgentPage({ staff, route }) {
  const path = `/api/v1/office/agents/${encodeURIComponent(route.name)}`;
  const detail = useLoaded(path);
  useKeys({ Escape: () => goTo(linkTo("agents")) });
  return html`<div class="sheet" data-agent-page=${route.name}>
    <p class="crumb"><a class="link" href=${linkTo("agents")}>
      <${Icon} name="back" size="1em" /> ${t("back")}</a> <${Kbd}>Esc<//></p>
    ${detail.error && html`<${Trouble} error=${detail.error} onAgain=${detail.reload} />`}
    ${!detail.error && !detail.data && html`<${Loading} rows=${12} />`}
    ${
      detail.data &&
      html`<${Agent} key=${route.name} detail=${detail.data} path=${path} staff=${staff}
      onChanged=${detail.setData} />`
    }
  </div>`;
}

function Agent({ detail, path, staff, onChanged }) {
  const { agent } = detail;
  return html`
    <header class="head">
      <div>
        <h1 class="head__title">${agent.title}</h1>
        <p class="head__line">${agent.agent}</p>
      </div>
      <div class="head__tools"><${Works} row=${agent} /></div>
    </header>
    <div class="registry">
      <${Taken} agent=${agent} />
      <${Facts} agent=${agent} />
    </div>
    <div class="registry">
      <${Limits} agent=${agent} />
      <${Pausing} agent=${agent} path=${path} staff=${staff} onChanged=${onChanged} />
    </div>
    <${Doings} entries=${detail.history} />`;
}

function Taken({ agent }) {
  return html`<section class="sums">
    <p class="sums__label">${t("taken", { day: formatDate(agent.business_day) })}</p>
    <p><${Money} kopecks=${agent.taken_kopecks} size="hero" /></p>
    <p class="sums__note figures">${
      agent.payments
        ? t("taken.count", { n: agent.payments, last: clock(agent.last_payment_at) })
        : t("taken.none")
    }</p>
  </section>`;
}

const clock = (moment) => formatTime(moment).slice(-5);

function Facts({ agent }) {
  const day = formatDateShort(agent.business_day);
  const facts = [
    [
      t("day"),
      agent.cut_off === "00:00" ? day : t("day.cutoff", { day, time: agent.cut_off }),
    ],
    [t("due"), formatDateShort(agent.settlement_day)],
    [t("protocol"), agent.protocol || "—"],
    [t("zone"), agent.zone],
    [t("cases"), html`<${Cases} agent=${agent} />`],
  ];
  return html`<dl class="facts agent__facts">
    ${facts.map(
      ([name, value]) => html`<div class="facts__row" key=${name}><dt>${name}</dt><dd>
      ${value}</dd></div>`,
    )}
  </dl>`;
}

function Cases({ agent }) {
  if (!agent.open_cases) return t("cases.none");
  return html`<a class="link" href=${linkTo("mismatches", null, { agent: agent.agent })}>
    ${t("cases.open", { n: agent.open_cases })}</a>${
      agent.open_suspicions ? `, ${t("cases.suspicions", { n: agent.open_suspicions })}` : ""
    }`;
}
