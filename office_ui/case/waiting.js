// A decision that waits for a second person: the controller confirms or rejects it.
import { html, useState } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "../parts/kbd.js";
import { sentenceOf } from "../parts/states.js";
import { consequence } from "./consequences.js";
import { t } from "./decide_words.js";

export function Waiting({ story, staff, act }) {
  const { proposal } = story;
  const [reason, setReason] = useState("");
  const [refusal, setRefusal] = useState(null);
  const [busy, setBusy] = useState(false);
  const mayConfirm = staff.rights.includes("confirm") && proposal.by.login !== staff.login;
  const mine = proposal.by.login === staff.login;
  const send = async (path, body) => {
    setBusy(true);
    setRefusal(null);
    setRefusal((await act(path, { version: story.version, ...body })) ?? null);
    setBusy(false);
  };
  const confirm = () => mayConfirm && !busy && send("confirm", {});
  useKeys({ "ctrl+Enter": () => (mayConfirm ? confirm() : false) });
  const action = t(`do.${proposal.action}`).toLowerCase();
  const target = proposal.action === "assign" ? `${t("in.account")} ${proposal.account}. ` : "";
  const chosen = { found: null, bucket: proposal.bucket };
  return html`<section class="section decide">
    <${Notice} kind="look" icon="person" title=${t("wait.title", { action })}>
      <p>${t("wait.by", { person: proposal.by.name, reason: proposal.reason })}</p>
      <p>${target}${consequence(story, proposal.action, chosen).text}</p>
    <//>
    ${
      refusal &&
      html`<${Notice} kind="risk" title=${t("refused.title")}>${sentenceOf(refusal)}
      <//>`
    }
    ${!mayConfirm && html`<p class="section__note">${t("wait.own")}</p>`}
    ${
      (mayConfirm || mine) &&
      html`<div class="decide__end">
      <label class="field"><span class="field__label">
        ${t(mayConfirm ? "wait.reason" : "wait.why")}</span>
        <textarea class="input" name="reason" rows="2" maxlength="1000" value=${reason}
          onInput=${(event) => setReason(event.target.value)} /></label>
      <div class="decide__pair">
        ${
          mayConfirm &&
          html`<${Button} kind="main" icon="check" busy=${busy} disabled=${busy}
            onClick=${confirm} data-main>
          ${t("wait.confirm", { action })} <${Kbd}>Ctrl Enter<//><//>`
        }
        <${Button} kind="caution" disabled=${busy || !reason.trim()}
          onClick=${() => send("reject", { reason })}>
          ${t(mayConfirm ? "wait.reject" : "wait.withdraw")}<//>
      </div>
    </div>`
    }
  </section>`;
}
