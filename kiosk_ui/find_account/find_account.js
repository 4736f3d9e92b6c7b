// First screen: the account number, and where to find it.
import { html, useState } from "../../ui_kit/html.js";
import { get } from "../../ui_kit/api.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { Screen } from "../frame/frame.js";
import { Digits, Keypad } from "../keypad/keypad.js";
import { ACCOUNT_DIGITS_MAX } from "../settings.js";
import { t } from "../words.js";

const UNKNOWN = ["ACCOUNT_NOT_FOUND", "ACCOUNT_MALFORMED"];
const TROUBLES = { ACCOUNT_CLOSED: "closed", PAYMENTS_SUSPENDED: "suspended" };

/** Asks for an account; returns what changes in the visit. */
export async function findAccount(number) {
  try {
    const account = await get(`/api/v1/kiosk/accounts/${encodeURIComponent(number)}`);
    const trouble = account.state === "active" ? "" : account.state;
    return { number, account, trouble, unknown: false, screen: trouble ? "trouble" : "debt" };
  } catch (error) {
    if (UNKNOWN.includes(error.code)) return { number, unknown: true, screen: "find" };
    const trouble = TROUBLES[error.code] ?? (error.final ? "refused" : "offline");
    return { number, trouble, screen: "trouble" };
  }
}

export function FindAccount({ kiosk }) {
  const { visit, go } = kiosk;
  const [selected, setSelected] = useState(visit.unknown ? visit.number.length - 1 : -1);
  const [busy, setBusy] = useState(false);
  const value = { digits: visit.number, selected };

  const change = (next) => {
    setSelected(next.selected);
    go({ number: next.digits, unknown: false });
  };
  const show = async () => {
    setBusy(true);
    const changes = await findAccount(visit.number);
    setBusy(false);
    setSelected(changes.unknown ? visit.number.length - 1 : -1);
    go(changes);
  };

  return html`<${Screen} kiosk=${kiosk} step="find" title=${t("find.title")} hint=${t("find.hint")}
    say=${html`
      <${Digits} value=${value} placeholder=${t("find.empty")} tone=${visit.unknown ? "look" : ""}
        onSelect=${setSelected} />
      ${visit.unknown
        ? html`<${Notice} kind="look" title=${t("find.unknown")}>${t("find.unknown.next")}<//>`
        : html`<${Bill} />`}
    `}
    hands=${html`<${Keypad} value=${value} lengthMax=${ACCOUNT_DIGITS_MAX} onChange=${change}
      disabled=${busy} />`}
    main=${{
      label: busy ? t("find.main.busy") : t("find.main"),
      iconAfter: "next",
      busy,
      disabled: visit.number === "" || visit.unknown,
      onPress: show,
    }} />`;
}

// A bill drawn small, with the place of the number marked.
function Bill() {
  return html`<div class="where">
    <svg class="where__bill" viewBox="0 0 300 150" aria-hidden="true">
      <path class="where__paper" d="M8 150V14a6 6 0 0 1 6-6h272a6 6 0 0 1 6 6v136" />
      <path class="where__line where__line--strong" d="M28 34h84" />
      <path class="where__line" d="M28 56h112M28 72h92M28 106h150M28 124h150M28 142h150" />
      <path class="where__line" d="M232 106h40M232 124h40M232 142h40" />
      <rect class="where__mark" x="166" y="20" width="114" height="50" rx="8" />
      <text class="where__label" font-size="10.5" x="178" y="38">${t("find.bill.number")}</text>
      <text class="where__number" font-size="19" x="178" y="61">1234 567</text>
    </svg>
    <p class="where__terms">${t("find.terms")}</p>
  </div>`;
}
