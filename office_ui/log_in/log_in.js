// The door of the office. A demo names its people, so that nobody has to look for a password.
import { html, useEffect, useRef, useState } from "../../ui_kit/html.js";
import { post } from "../../ui_kit/api.js";
import { Button } from "../../ui_kit/components/button.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { LanguageSwitch } from "../../ui_kit/components/language_switch.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { Slip } from "../../ui_kit/components/slip.js";
import { Brand } from "../frame/brand.js";
import { sentenceOf } from "../parts/states.js";
import { t as shared } from "../parts/words.js";
import { t } from "./words.js";

export function LogIn({ session, onSession }) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const enter = async (login, password) => {
    if (!login || !password) return setTrouble(t("empty"));
    setBusy(true);
    setTrouble("");
    try {
      onSession(await post("/api/v1/sessions", { login, password }));
    } catch (error) {
      setTrouble(sentenceOf(error));
      setBusy(false);
    }
  };
  const people = session.demo_staff;
  return html`<div class="door">
    <${Slip} parts=${[
      html`<${Form} busy=${busy} trouble=${trouble} onEnter=${enter} />`,
      people.length > 0 && html`<${Demo} people=${people} busy=${busy} onEnter=${enter} />`,
    ]} />
    <${LanguageSwitch} />
  </div>`;
}

function Form({ busy, trouble, onEnter }) {
  const login = useRef(null);
  const password = useRef(null);
  useEffect(() => login.current?.focus(), []);
  useEffect(() => {
    if (trouble) password.current?.select();
  }, [trouble]);
  const send = (event) => {
    event.preventDefault();
    if (!busy) onEnter(login.current.value.trim(), password.current.value);
  };
  return html`<form class="door__form" onSubmit=${send}>
    <${Brand} />
    <h1 class="door__title">${t("title")}</h1>
    <label class="field"><span class="field__label">${t("login")}</span>
      <input class="input" ref=${login} name="login" autocomplete="username" autocapitalize="none"
        spellcheck=${false} maxlength="50" /></label>
    <label class="field"><span class="field__label">${t("password")}</span>
      <input class="input" ref=${password} name="password" type="password" maxlength="200"
        autocomplete="current-password" /></label>
    ${trouble && html`<${Notice} kind="risk" title=${trouble} />`}
    <${Button} kind="main" type="submit" busy=${busy} disabled=${busy}>
      ${t(busy ? "busy" : "main")}<//>
  </form>`;
}

function Demo({ people, busy, onEnter }) {
  return html`<div class="door__demo">
    <p class="door__note"><${Icon} name="look" /><span>${t("demo.note")}</span></p>
    <ul class="door__people">
      ${people.map(
        ({ login, password, name, role }) => html`<li key=${login}>
        <button type="button" class="door__person" disabled=${busy}
          aria-label=${t("demo.enter", { name })} onClick=${() => onEnter(login, password)}>
          <span><span class="door__who">${name}</span>
            <span class="door__role"> ${shared(`role.${role}`)}</span></span>
          <span class="door__role">${login}</span>
        </button>
      </li>`,
      )}
    </ul>
  </div>`;
}
