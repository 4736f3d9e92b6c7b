// What was done with an agent: every line is an audit row, what it was beside what it is.
import { html } from "../../ui_kit/html.js";
import { formatTime } from "../../ui_kit/dates.js";
import { formatMoney } from "../../ui_kit/money.js";
import { t } from "./words.js";

export function Doings({ entries }) {
  return html`<section class="section">
    <h2 class="section__title">${t("history.title")}</h2>
    ${!entries.length && html`<p class="section__note">${t("history.none")}</p>`}
    <ol class="history">
      ${entries.map(
        (entry, index) => html`<li class="history__entry" key=${index}>
        <span class="history__when figures">${formatTime(entry.happened_at)}</span>
        <span><span class="history__what">${t(`did.${entry.action}`)}</span>, ${entry.by.name}
          ${changes(entry).map(
            (text) => html`<span class="history__why figures" key=${text}>${text}</span>`,
          )}
          ${entry.reason && html`<span class="history__why">${entry.reason}</span>`}</span>
      </li>`,
      )}
    </ol>
  </section>`;
}

function changes({ action, details }) {
  if (action === "secret") return [details.name];
  if (action !== "change") return [];
  return Object.entries(details).map(
    ([name, [was, is]]) => `${nameOf(name)}: ${valueOf(name, was)} → ${valueOf(name, is)}`,
  );
}

const nameOf = (name) =>
  name.startsWith("settings.")
    ? t("of.setting", { name: name.slice("settings.".length) })
    : t(`of.${name}`);

const valueOf = (name, text) => {
  if (/_max(_kopecks)?$/.test(name) && text === "0") return t("limits.none");
  if (name.endsWith("_kopecks")) return formatMoney(Number(text));
  return text || t("nothing");
};
