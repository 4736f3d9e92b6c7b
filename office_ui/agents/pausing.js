// Pausing an agent and letting it go on: the consequence before the click, a reason for the audit.
import { html, useRef, useState } from "../../ui_kit/html.js";
import { post } from "../../ui_kit/api.js";
import { Button } from "../../ui_kit/components/button.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatTime } from "../../ui_kit/dates.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { tellIfStranger } from "../parts/loaded.js";
import { sentenceOf } from "../parts/states.js";
import { t } from "./words.js";

export function Pausing({ agent, path, staff, onChanged }) {
  return html`<section class="section pausing">
    <h2 class="section__title">${t("pause.title")}</h2>
    ${
      agent.paused
        ? html`<${Notice} kind="risk" title=${t("pause.on")}>${since(agent)}<//>`
        : html`<p class="section__note">${t("pause.works")}</p>`
    }
    ${
      staff.rights.includes("pause")
        ? html`<${Switch} key=${agent.paused} agent=${agent} path=${path} onChanged=${onChanged} />`
        : html`<p class="section__note">${t("pause.who")}</p>`
    }
  </section>`;
}

const since = ({ paused_by: by, paused_since: at, pause_reason: reason }) =>
  by
    ? t("pause.since", { person: by.name, time: formatTime(at), reason: reason || "—" })
    : t("pause.unknown");

function Switch({ agent, path, onChanged }) {
  const { paused } = agent;
  const [reason, setReason] = useState("");
  const [lack, setLack] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const [busy, setBusy] = useState(false);
  const box = useRef(null);
  const send = async () => {
    if (busy) return;
    if (!paused && !reason.trim()) {
      setLack(true);
      box.current?.focus();
      return;
    }
    setBusy(true);
    setRefusal(null);
    try {
      onChanged(await post(`${path}/${paused ? "resume" : "pause"}`, { reason: reason.trim() }));
    } catch (error) {
      tellIfStranger(error);
      setRefusal(error);
      setBusy(false);
    }
  };
  useKeys({ "ctrl+Enter": send });
  return html`<div class="decide__end">
    <p>${t(paused ? "resume.then" : "pause.then")}</p>
    <label class="field"><span class="field__label">${t(paused ? "reason.more" : "reason")}</span>
      <textarea class="input" name="reason" ref=${box} rows="2" maxlength="1000"
        placeholder=${paused ? "" : t("reason.hint")} value=${reason}
        aria-invalid=${lack ? "true" : null}
        onInput=${(event) => {
          setReason(event.target.value);
          setLack(false);
        }} /></label>
    ${lack && html`<p class="field__hint field__hint--risk" role="alert">${t("reason.need")}</p>`}
    ${refusal && html`<${Notice} kind="risk" title=${t("refused")}>${sentenceOf(refusal)}<//>`}
    <${Button} kind=${paused ? "main" : "caution"} busy=${busy} disabled=${busy} onClick=${send}
      data-main>${t(paused ? "resume.do" : "pause.do")} <${Kbd}>Ctrl Enter<//><//>
  </div>`;
}
