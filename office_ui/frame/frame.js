// The frame: one column of navigation, and the page beside it.
import { html, useEffect, useState } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { LanguageSwitch } from "../../ui_kit/components/language_switch.js";
import { Kbd } from "../parts/kbd.js";
import { t as shared } from "../parts/words.js";
import { goTo, linkTo } from "../route.js";
import { Brand } from "./brand.js";
import { KeysHelp } from "./help.js";
import { useKeys } from "./keys.js";
import { t } from "./words.js";

const SECTIONS = [
  { page: "registries", icon: "bill" },
  { page: "mismatches", icon: "differ" },
  { page: "payments", icon: "cash" },
  { page: "agents", icon: "person" },
];
const DENSITY = "kvitok.density";

export function Frame({ session, page, onLogOut, children }) {
  const [help, setHelp] = useState(false);
  const [comfortable, setComfortable] = useDensity();
  useKeys({
    g: () => goTo(linkTo("registries")),
    m: () => goTo(linkTo("mismatches")),
    p: () => goTo(linkTo("payments")),
    a: () => goTo(linkTo("agents")),
    "?": () => setHelp(true),
  });
  return html`<div class="office">
    <nav class="nav" aria-label=${t("nav.label")}>
      <${Brand} />
      <ul class="nav__list">
        ${SECTIONS.map(
          ({ page: name, icon }) => html`<li key=${name}>
          <a class="nav__link" href=${linkTo(name)} aria-current=${name === page ? "page" : null}>
            <${Icon} name=${icon} /><span class="nav__word">${t(`nav.${name}`)}</span>
            <${Kbd}>${SHORT[name]}<//></a>
        </li>`,
        )}
      </ul>
      <div class="nav__foot">
        ${session.demo && html`<p class="nav__demo"><${Icon} name="look" />${t("nav.demo")}</p>`}
        <button type="button" class="nav__link" aria-pressed=${String(comfortable)}
          onClick=${() => setComfortable(!comfortable)}>
          <${Icon} name=${comfortable ? "check" : "rows"} /><span class="nav__word">
            ${t("nav.density")}</span>
        </button>
        <button type="button" class="nav__link" onClick=${() => setHelp(true)}>
          <${Icon} name="keys" /><span class="nav__word">${t("nav.keys")}</span><${Kbd}>?<//>
        </button>
        <div class="nav__language"><${LanguageSwitch} /></div>
        <div class="nav__person">
          <p class="nav__name">${session.staff.name}</p>
          <p class="nav__role">${shared(`role.${session.staff.role}`)}</p>
        </div>
        <button type="button" class="nav__link" onClick=${onLogOut}>
          <${Icon} name="exit" /><span class="nav__word">${t("nav.logout")}</span>
        </button>
      </div>
    </nav>
    <main class="page" data-page=${page}>${children}</main>
    ${help && html`<${KeysHelp} onClose=${() => setHelp(false)} />`}
  </div>`;
}

export const SHORT = { registries: "G", mismatches: "M", payments: "P", agents: "A" };

function useDensity() {
  const [comfortable, setComfortable] = useState(() => kept() === "comfortable");
  useEffect(() => {
    document.documentElement.dataset.density = comfortable ? "comfortable" : "dense";
    try {
      localStorage.setItem(DENSITY, comfortable ? "comfortable" : "dense");
    } catch {
      // Without storage the switch lasts as long as the page.
    }
  }, [comfortable]);
  return [comfortable, setComfortable];
}

function kept() {
  try {
    return localStorage.getItem(DENSITY);
  } catch {
    return null;
  }
}
