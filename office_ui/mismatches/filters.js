// The filters of the list; they live in the address, so a link shows the same list.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Search } from "../parts/search.js";
import { t as shared } from "../parts/words.js";
import { t } from "./words.js";

const STATES = ["undone", "open", "assigned", "resolved", "closed", "all"];

/** `onChange` gets the changed part of the query. */
export function Filters({ query, kinds, agents, onChange }) {
  return html`<div class="filters">
    <${Search} label=${t("search")} text=${query.text ?? ""} onText=${(text) => onChange({ text })} />
    <${Choice} label=${t("filter.state")} name="state" value=${query.state ?? "undone"}
      options=${STATES.map((state) => [state, t(`state.${state}`)])}
      onValue=${(state) => onChange({ state: state === "undone" ? "" : state })} />
    <${Choice} label=${t("filter.kind")} name="kind" value=${query.kind ?? ""}
      options=${[["", t("filter.kind.all")], ...kindOptions(kinds, query.kind)]}
      onValue=${(kind) => onChange({ kind })} />
    <${Choice} label=${t("filter.agent")} name="agent" value=${query.agent ?? ""}
      options=${[["", t("filter.agent.all")], ...agents.map(({ name, title }) => [name, title])]}
      onValue=${(agent) => onChange({ agent })} />
    ${
      query.registry &&
      html`<button type="button" class="filters__registry"
      aria-label=${t("filter.registry.off")} onClick=${() => onChange({ registry: "" })}>
      ${t("filter.registry", { id: query.registry })} <${Icon} name="close" size="0.9em" />
        </button>`
    }
  </div>`;
}

function kindOptions(kinds, chosen) {
  const found = kinds.map(({ kind, count }) => [kind, `${shared(`kind.${kind}`)} (${count})`]);
  const missing = chosen && !kinds.some(({ kind }) => kind === chosen);
  return missing ? [[chosen, shared(`kind.${chosen}`)], ...found] : found;
}

function Choice({ label, name, value, options, onValue }) {
  return html`<label><span class="unseen">${label}</span>
    <select class="input" name=${name} value=${value}
      onChange=${(event) => onValue(event.target.value)}>
      ${options.map(
        ([key, text]) => html`<option key=${key} value=${key}
        selected=${key === value}>${text}</option>`,
      )}
    </select></label>`;
}
