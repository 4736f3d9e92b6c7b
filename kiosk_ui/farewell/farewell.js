// The last screen: thanks, and once more the truth about the money.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Screen } from "../frame/frame.js";
import { useTimeout } from "../frame/hooks.js";
import { grouped } from "../groups.js";
import { codeOf } from "../journal.js";
import { FAREWELL_SECONDS } from "../settings.js";
import { t } from "../words.js";

const SAID = {
  credited: { words: "farewell.text", tone: "safe", icon: "check" },
  sealed: { words: "farewell.pending", tone: "look", icon: "clock" },
  refused: { words: "farewell.refused", tone: "risk", icon: "risk" },
};

export function Farewell({ kiosk }) {
  const { entry } = kiosk.visit;
  const { words, tone, icon } = SAID[entry.state];
  useTimeout(FAREWELL_SECONDS, kiosk.leave, entry.agent_payment_id);
  return html`<${Screen} kiosk=${{ ...kiosk, onFinish: kiosk.leave }} step="done" name="farewell"
    title=${t("farewell.title")}
    say=${html`<div class=${`trouble trouble--${tone}`}>
      <div class="trouble__sign"><${Icon} name=${icon} size="1em" /></div>
      <p class="trouble__text">${t(words, { account: grouped(entry.account) })}</p>
      ${entry.state !== "credited" &&
      html`<p class="trouble__number figures">${t("sending.code")} ${codeOf(entry)}</p>`}
    </div>`}
    main=${{ label: t("farewell.main"), onPress: kiosk.leave }} />`;
}
