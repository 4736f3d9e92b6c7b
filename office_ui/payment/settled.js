// Which charges the money settled, line by line, by which rule; it always adds up.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { formatMonth, formatTime } from "../../ui_kit/dates.js";
import { t } from "./words.js";

export function Settled({ detail }) {
  const { settled, left, waiting_kopecks: waiting, credited_kopecks: credited } = detail;
  if (!settled.length && !left.length && !waiting)
    return html`<${Frame}><p class="section__note">${t("settled.none")}</p><//>`;
  const sum = [...settled, ...left].reduce((all, { kopecks }) => all + kopecks, waiting);
  return html`<${Frame}>
    ${!credited && html`<p class="section__note">${t("settled.undone")}</p>`}
    <table class="table settled">
      <thead class="table__head"><tr>
        <th class="first">${t("col.service")}</th><th>${t("col.period")}</th>
        <th class="wide">${t("col.rule")}</th><th>${t("col.when")}</th>
        <th class="right">${t("col.sum")}</th>
      </tr></thead>
      <tbody>
        ${settled.map((line, index) => html`<${Line} key=${index} line=${line} />`)}
        ${left.map(
          (each) => html`<${Rest} key=${each.service} kopecks=${each.kopecks}
          text=${each.service ? t("advance.service", { name: each.name }) : t("advance")} />`,
        )}
        ${waiting !== 0 && html`<${Rest} kopecks=${waiting} text=${t("waiting")} look />`}
      </tbody>
      <tfoot class="table__foot"><tr>
        <td class="first" colspan="4">${t("sum")} <${Proof} right=${sum === credited} /></td>
        <td class="right"><${Money} kopecks=${credited} /></td>
      </tr></tfoot>
    </table>
    ${waiting !== 0 && html`<p class="section__note settled__note">${t("waiting.note")}</p>`}
  <//>`;
}

const Frame = ({ children }) => html`<section class="section">
  <h2 class="section__title">${t("settled.title")}</h2>
  ${children}
</section>`;

function Line({ line }) {
  const undone = line.kopecks < 0;
  return html`<tr data-service=${line.service}>
    <td class="first">${line.name}</td>
    <td>${formatMonth(line.period)}</td>
    <td class="wide soft">${undone ? t("undone") : t(`rule.${line.rule}`)}</td>
    <td class="soft">${formatTime(line.allocated_at)}</td>
    <td class="right"><${Money} kopecks=${line.kopecks} size="row" /></td>
  </tr>`;
}

function Rest({ text, kopecks, look = false }) {
  return html`<tr>
    <td class=${look ? "first settled__look" : "first"} colspan="4">${
      look && html`<${Icon} name="clock" size="1em" /> `
    }${text}</td>
    <td class="right"><${Money} kopecks=${kopecks} size="row" /></td>
  </tr>`;
}

function Proof({ right }) {
  return html`<span class=${right ? "proof" : "proof proof--risk"}>
    <${Icon} name=${right ? "check" : "risk"} size="1em" /> ${t(right ? "proof" : "broken")}
  </span>`;
}
