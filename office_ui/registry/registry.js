// One registry: what the file says, where its money is, what has to be settled.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatDate, formatTime } from "../../ui_kit/dates.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { useLoaded } from "../parts/loaded.js";
import { Loading, Trouble } from "../parts/states.js";
import { t as shared } from "../parts/words.js";
import { Standing } from "../registries/registries.js";
import { goTo, linkTo } from "../route.js";
import { Buckets } from "./buckets.js";
import { Closing } from "./closing.js";
import { Lines } from "./lines.js";
import { t } from "./words.js";

export function RegistryPage({ staff, route }) {
  const detail = useLoaded(`/api/v1/office/registries/${route.id}`);
  useKeys({
    Escape: () => goTo(linkTo("registries")),
    Enter: () => goTo(linkTo("mismatches", null, { registry: route.id })),
  });
  return html`<div class="sheet" data-registry-page=${route.id}>
    <p class="crumb"><a class="link" href=${linkTo("registries")}>
      <${Icon} name="back" size="1em" /> ${t("back")}</a> <${Kbd}>Esc<//></p>
    ${detail.error && html`<${Trouble} error=${detail.error} onAgain=${detail.reload} />`}
    ${!detail.error && !detail.data && html`<${Loading} rows=${12} />`}
    ${
      detail.data &&
      html`<${Registry} key=${route.id} detail=${detail.data} staff=${staff}
      again=${route.query.again} onRegistry=${(registry) => detail.setData({ ...detail.data, registry })} />`
    }
  </div>`;
}

function Registry({ detail, staff, again, onRegistry }) {
  const { registry } = detail;
  return html`
    <header class="head">
      <div>
        <h1 class="head__title">${titleOf(registry)}</h1>
        <p class="head__line">${registry.file_name}</p>
      </div>
      <div class="head__tools"><${Standing} row=${registry} /></div>
    </header>
    ${
      again &&
      html`<${Notice} kind="look" title=${t("again")}>${t("again.text", {
        person: registry.imported_by.name,
        time: formatTime(registry.imported_at),
      })}<//>`
    }
    <div class="registry">
      <${Sums} registry=${registry} />
      <${Facts} registry=${registry} />
    </div>
    <div class="registry">
      <${Buckets} buckets=${registry.buckets} total=${registry.computed_total_kopecks} />
      <div>
        <${Kinds} registry=${registry} />
        <${Closing} registry=${registry} staff=${staff} onClosed=${onRegistry} />
      </div>
    </div>
    <${Lines} registry=${registry} first=${detail} />`;
}

export const titleOf = ({ agent_title: agent, day, registry_id: id }) =>
  day ? t("title", { agent, day: formatDate(day) }) : t("title.noday", { agent, id });

function Sums({ registry }) {
  const { computed_total_kopecks: computed, declared_total_kopecks: declared } = registry;
  const differs = declared !== null && declared !== computed;
  return html`<section class="sums">
    <p class="sums__label">${t("sum.computed")}</p>
    <p><${Money} kopecks=${computed} size="hero" /></p>
    <p class="sums__note figures">
      ${t("lines", { n: registry.lines })}, ${t("lines.matched", { n: registry.matched })}${
        registry.bad_lines ? `, ${t("lines.bad", { n: registry.bad_lines })}` : ""
      }
    </p>
    ${declared === null && html`<p class="sums__note">${t("sum.undeclared")}</p>`}
    ${
      declared !== null &&
      !differs &&
      html`<p class="proof"><${Icon} name="check"
      size="1em" /> ${t("sum.same")}</p>`
    }
    ${
      differs &&
      html`<dl class="sums__differ">
      <div><dt>${t("sum.declared")}</dt><dd><${Money} kopecks=${declared} size="row" /></dd></div>
      <div class="sums__gap"><dt><${Icon} name="look" size="1em" /> ${t("sum.differs")}</dt>
        <dd><${Money} kopecks=${computed - declared} size="row" /></dd></div>
    </dl>`
    }
    ${registry.withheld_kopecks !== null && html`<${Fees} registry=${registry} />`}
  </section>`;
}

/** What the agent keeps and passes on, by its own words (103-ФЗ). */
function Fees({ registry }) {
  const { computed_total_kopecks: total, withheld_kopecks: withheld } = registry;
  const rows = [
    ["fee.payer", registry.payer_fee_kopecks],
    ["fee.withheld", withheld],
    ["fee.transfer", total - withheld],
  ].filter(([name, kopecks]) => kopecks || name !== "fee.payer");
  return html`<dl class="sums__differ" data-fees>
    ${rows.map(
      ([name, kopecks]) => html`<div key=${name}><dt>${t(name)}</dt>
      <dd><${Money} kopecks=${kopecks} size="row" /></dd></div>`,
    )}
  </dl>`;
}

function Facts({ registry }) {
  const imported = [
    formatTime(registry.imported_at),
    registry.imported_by.name,
    registry.lenient && t("lenient"),
  ]
    .filter(Boolean)
    .join(", ");
  const facts = [
    [t("number"), registry.number || "—"],
    [t("format"), registry.format],
    [t("encoding"), registry.encoding],
    [t("imported"), imported],
  ];
  return html`<dl class="facts">
    ${facts.map(
      ([name, value]) => html`<div class="facts__row" key=${name}><dt>${name}</dt><dd>
      ${value}</dd></div>`,
    )}
    ${
      registry.corrects &&
      html`<div class="facts__row"><dt></dt><dd><a class="link"
      href=${linkTo("registries", registry.corrects)}>${t("corrects", { id: registry.corrects })}
        </a></dd></div>`
    }
    ${
      registry.corrected_by &&
      html`<div class="facts__row"><dt></dt><dd><a class="link"
      href=${linkTo("registries", registry.corrected_by)}>
        ${t("corrected", { id: registry.corrected_by })}</a></dd></div>`
    }
  </dl>`;
}

function Kinds({ registry }) {
  const kinds = Object.entries(registry.mismatches);
  if (!kinds.length)
    return html`<section class="section"><h2 class="section__title">${t("cases.title")}</h2>
      <p class="section__note">${t("cases.none")}</p></section>`;
  return html`<section class="section">
    <h2 class="section__title">${t("cases.title")}</h2>
    <p class="section__note">${t("cases.undone", { n: registry.open })}${
      registry.resolved + registry.closed
        ? `, ${t("cases.resolved", { n: registry.resolved + registry.closed })}`
        : ""
    }</p>
    <ul class="kinds">
      ${kinds.map(
        ([kind, count]) => html`<li key=${kind}><a class="kinds__link"
        href=${linkTo("mismatches", null, { registry: registry.registry_id, kind })}>
        <span>${shared(`kind.${kind}`)}</span><span class="kinds__count figures">${count}</span>
          </a></li>`,
      )}
    </ul>
    <a class="button button--main registry__go"
      href=${linkTo("mismatches", null, { registry: registry.registry_id })}>
      <span>${t("cases.all")} <${Kbd}>${shared("key.enter")}<//></span></a>
  </section>`;
}
