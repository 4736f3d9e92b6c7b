// The language switch: every language in its own name.
import { html } from "../html.js";
import { LANGUAGES, language, setLanguage } from "../language.js";

const NAMES = { ru: "Русский", en: "English" };

export function LanguageSwitch() {
  return html`<div class="switch" role="group" aria-label="Язык / Language">
    ${LANGUAGES.map(
      (code) => html`<button type="button" class="switch__choice" key=${code} lang=${code}
        aria-label=${NAMES[code]} aria-pressed=${String(language() === code)}
        onClick=${() => setLanguage(code)}>${code.toUpperCase()}</button>`,
    )}
  </div>`;
}
