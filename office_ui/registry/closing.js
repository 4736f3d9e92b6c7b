// Closing a registry: a second person says that it is done. What that means stands before the click.
import { html, useState } from "../../ui_kit/html.js";
import { post } from "../../ui_kit/api.js";
import { Button } from "../../ui_kit/components/button.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatTime } from "../../ui_kit/dates.js";
import { tellIfStranger } from "../parts/loaded.js";
import { sentenceOf } from "../parts/states.js";
import { t } from "./words.js";

export function Closing({ registry, staff, onClosed }) {
  return html`<section class="section closing">
    <h2 class="section__title">${t("close.title")}</h2>
    <${What} registry=${registry} staff=${staff} onClosed=${onClosed} />
  </section>`;
}

function What({ registry, staff, onClosed }) {
  if (registry.state === "closed")
    return html`<${Notice} kind="safe" title=${t("close.done")}>
      ${t("close.by", { person: registry.closed_by.name, time: formatTime(registry.closed_at) })}
    <//>`;
  if (registry.open) return html`<p class="section__note">${t("close.wait", { n: registry.open })}</p>`;
  if (!staff.rights.includes("confirm"))
    return html`<p class="section__note">${t("close.who")}</p>`;
  return html`<${Close} registry=${registry} onClosed=${onClosed} />`;
}

function Close({ registry, onClosed }) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const send = async () => {
    setBusy(true);
    setRefusal(null);
    try {
      onClosed(await post(`/api/v1/office/registries/${registry.registry_id}/close`));
    } catch (error) {
      tellIfStranger(error);
      setRefusal(error);
      setBusy(false);
    }
  };
  return html`<p class="section__note">${t("close.then")}</p>
    ${refusal && html`<${Notice} kind="risk" title=${t("close.refused")}>${sentenceOf(refusal)}<//>`}
    <${Button} kind="main" icon="check" busy=${busy} disabled=${busy} onClick=${send}>
      ${t("close.do")}<//>`;
}
