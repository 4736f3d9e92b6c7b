// Where the money of a registry is: one bar, and the table that it draws. They always add up.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { t as shared } from "../parts/words.js";
import { t } from "./words.js";

const ORDER = [
  "posted",
  "already_online",
  "pending",
  "unidentified",
  "returned",
  "other_recipient",
  "fee",
  "rounding",
];

export function Buckets({ buckets, total }) {
  const rows = ORDER.filter((name) => buckets[name]).map((name) => ({
    name,
    kopecks: buckets[name],
  }));
  const sum = rows.reduce((all, { kopecks }) => all + kopecks, 0);
  return html`<section class="section buckets">
    <h2 class="section__title">${t("buckets.title")}</h2>
    <div class="bar" aria-hidden="true">
      ${rows
        .filter(({ kopecks }) => kopecks > 0)
        .map(
          ({ name, kopecks }) => html`<span
        class=${`bar__part bucket--${name}`} key=${name} style=${{ flexGrow: kopecks }} />`,
        )}
    </div>
    <dl class="buckets__rows">
      ${rows.map(
        ({ name, kopecks }) => html`<div class="buckets__row" key=${name} data-bucket=${name}>
        <dt><span class=${`bucket__sign bucket--${name}`} />${shared(`bucket.${name}`)}</dt>
        <dd><${Money} kopecks=${kopecks} size="row" /></dd>
      </div>`,
      )}
      <div class="buckets__row buckets__row--sum">
        <dt>${t("buckets.sum")} <${Proof} right=${sum === total} /></dt>
        <dd><${Money} kopecks=${sum} /></dd>
      </div>
    </dl>
  </section>`;
}

function Proof({ right }) {
  return html`<span class=${right ? "proof" : "proof proof--risk"}>
    <${Icon} name=${right ? "check" : "risk"}
      size="1em" /> ${t(right ? "buckets.proof" : "buckets.broken")}
  </span>`;
}
