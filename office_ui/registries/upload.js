// Bringing in a registry: choose, send with progress, and either go to it or say why not.
import { html, useEffect, useRef, useState } from "../../ui_kit/html.js";
import { ApiError, upload } from "../../ui_kit/api.js";
import { Button } from "../../ui_kit/components/button.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { useKeys } from "../frame/keys.js";
import { pathWith, tellIfStranger } from "../parts/loaded.js";
import { sentenceOf } from "../parts/states.js";
import { goTo, linkTo } from "../route.js";
import { excerptOf } from "./excerpt.js";
import { t } from "./words.js";

const AGENT = "kvitok.upload.agent";

export function Upload({ file: given, choices, onClose, onDone }) {
  const [file, setFile] = useState(given);
  const [agent, setAgent] = useState(() => remembered(choices));
  const [lenient, setLenient] = useState(false);
  const [progress, setProgress] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const busy = progress !== null;
  useKeys({ modal: true, Escape: () => (busy ? false : onClose()) });
  useEffect(() => {
    if (given) setFile(given); // dropped on the page; what was picked meanwhile stays otherwise
  }, [given]);
  useEffect(() => setAgent((chosen) => chosen || remembered(choices)), [choices]);

  const send = async (asLenient) => {
    const most = choices?.file_bytes_max ?? Infinity;
    if (file.size > most) {
      const message = t("up.large", { megabytes: Math.floor(most / 1024 / 1024) });
      return setRefusal({ error: new ApiError("FILE_TOO_LARGE", { message, final: true }) });
    }
    setRefusal(null);
    setProgress(0);
    try {
      const path = pathWith("/api/v1/office/registries", { agent, lenient: asLenient ? "1" : "" });
      const headers = { "X-File-Name": encodeURIComponent(file.name) };
      const registry = await upload(path, file, { headers, onProgress: setProgress });
      remember(agent);
      goTo(
        linkTo("registries", registry.registry_id, { again: registry.already_imported ? "1" : "" }),
      );
    } catch (error) {
      tellIfStranger(error);
      const { line, column } = error.body?.error ?? {};
      setRefusal({ error, line, column, excerpt: await excerptOf(file, line, column) });
      setProgress(null);
      onDone();
    }
  };
  const choose = (chosen) => {
    setRefusal(null);
    setFile(chosen);
  };
  return html`<div class="veil">
    <div class="dialog upload" role="dialog" aria-modal="true" aria-label=${t("up.title")}>
      <h2 class="dialog__title">${t("up.title")}</h2>
      <${Pick} file=${file} disabled=${busy} onFile=${choose} />
      <${AgentChoice} choices=${choices} agent=${agent} disabled=${busy} onAgent=${setAgent} />
      <label class="check"><input type="checkbox" checked=${lenient} disabled=${busy}
        onChange=${(event) => setLenient(event.target.checked)} />
        <span>${t("up.lenient")}. <span class="soft">${t("up.lenient.text")}</span></span></label>
      ${busy && html`<${Progress} share=${progress} />`}
      ${refusal && html`<${Refused} refusal=${refusal} />`}
      <div class="upload__actions">
        <${Button} onClick=${onClose} disabled=${busy}>${t("up.cancel")}<//>
        <${Button} kind="main" icon="upload" busy=${busy} disabled=${busy || !file || !agent}
          onClick=${() => send(lenient)}>${t("up.main")}<//>
      </div>
    </div>
  </div>`;
}

function Pick({ file, disabled, onFile }) {
  const input = useRef(null);
  const kilobytes = file ? Math.max(1, Math.round(file.size / 1024)) : 0;
  useEffect(() => {
    if (!file) input.current?.focus();
  }, []);
  return html`<div class="pick">
    <label class="pick__button button">
      <input class="unseen" ref=${input} type="file" disabled=${disabled}
        onChange=${(event) => event.target.files[0] && onFile(event.target.files[0])} />
      <span>${t("up.pick")}</span>
    </label>
    ${
      file
        ? html`<span class="pick__name">${file.name}
          <span class="soft"> ${t("up.size", { kilobytes })}</span></span>`
        : html`<span class="soft">${t("up.hint")}</span>`
    }
  </div>`;
}

function AgentChoice({ choices, agent, disabled, onAgent }) {
  return html`<label class="field"><span class="field__label">${t("up.agent")}</span>
    <select class="input" name="agent" value=${agent} disabled=${disabled}
      onChange=${(event) => onAgent(event.target.value)}>
      <option value="">${t("up.agent.choose")}</option>
      ${(choices?.agents ?? []).map(
        ({ name, title }) =>
          html`<option key=${name} value=${name} selected=${name === agent}>${title}</option>`,
      )}
    </select></label>`;
}

function Progress({ share }) {
  const percent = Math.floor(share * 100);
  const text = share < 1 ? t("up.sending", { percent }) : t("up.matching");
  return html`<div class="progress" role="status">
    <progress class=${`progress__bar${share < 1 ? "" : " progress__bar--turn"}`} max="1"
      value=${share} aria-label=${text} />
    <span>${text}</span>
  </div>`;
}

function Refused({ refusal: { error, line, column, excerpt } }) {
  return html`<${Notice} kind="risk" title=${t("up.refused")}>
    <p>${sentenceOf(error)}</p>
    ${line && html`<p class="upload__place">${t("up.place", { line, column })}</p>`}
    ${
      excerpt &&
      html`<pre class="excerpt">${excerpt.before}<mark class="excerpt__at">
      ${excerpt.at}</mark>${excerpt.after}</pre>`
    }
    <p>${t("up.refused.text")}</p>
  <//>`;
}

function remembered(choices) {
  const names = (choices?.agents ?? []).map(({ name }) => name);
  try {
    const kept = localStorage.getItem(AGENT) ?? "";
    return names.includes(kept) ? kept : "";
  } catch {
    return "";
  }
}

function remember(agent) {
  try {
    localStorage.setItem(AGENT, agent);
  } catch {
    // The next upload asks again.
  }
}
