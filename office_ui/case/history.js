// Who did what with the case: every line is an audit row.
import { html } from "../../ui_kit/html.js";
import { formatTime } from "../../ui_kit/dates.js";
import { t as decisions } from "./decide_words.js";
import { t } from "./words.js";

export function History({ story }) {
  const entries = [...story.history].reverse();
  return html`<section class="section">
    <h2 class="section__title">${t("history.title")}</h2>
    <ol class="history">
      ${entries.map(
        (entry, index) => html`<li class="history__entry" key=${index}>
        <span class="history__when figures">${formatTime(entry.happened_at)}</span>
        <span><span class="history__what">${said(entry)}</span>, ${person(entry.by)}
          ${entry.reason && html`<span class="history__why">${entry.reason}</span>`}</span>
      </li>`,
      )}
      <li class="history__entry">
        <span class="history__when figures">${formatTime(story.opened_at)}</span>
        <span class="history__what">${t(story.registry ? "history.opened" : `history.opened.${story.kind}`)}</span>
      </li>
    </ol>
  </section>`;
}

const person = ({ login, name }) => (login === "system" ? t("system") : name);

function said({ action, details }) {
  const proposed = details.action ? decisions(`do.${details.action}`).toLowerCase() : "";
  if (action === "propose")
    return t(details.claimed ? "did.claim" : "did.propose", { action: proposed });
  if (action === "assign") return t("did.assign", { account: details.account });
  if (action === "match") return t("did.match", { payment: details.payment_id });
  return t(`did.${action}`);
}
