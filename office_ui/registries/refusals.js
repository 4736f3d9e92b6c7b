// Files that were refused lately and have not been imported since.
import { html } from "../../ui_kit/html.js";
import { formatTime } from "../../ui_kit/dates.js";
import { t } from "./words.js";

export function Refusals({ rows }) {
  if (!rows.length) return null;
  return html`<section class="section">
    <h2 class="section__title">${t("refusals.title")}</h2>
    <p class="section__note">${t("refusals.text")}</p>
    <ul class="refusals">
      ${rows.map(
        (row) => html`<li class="refusals__row" key=${row.refused_at + row.file_name}>
        <span class="refusals__file">${row.file_name}</span>
        <span class="refusals__why">${row.message}
          <span class="soft">, ${t("refusals.place", row)}</span></span>
        <span class="soft keep">${formatTime(row.refused_at)}</span>
      </li>`,
      )}
    </ul>
  </section>`;
}
