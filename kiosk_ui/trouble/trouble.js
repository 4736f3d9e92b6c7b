// What stops a visit before money is in it: said plainly, with the way on.
import { html, useState } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { findAccount } from "../find_account/find_account.js";
import { Screen } from "../frame/frame.js";
import { useSecondsLeft, useTimeout } from "../frame/hooks.js";
import { grouped } from "../groups.js";
import { RECONNECT_SECONDS } from "../settings.js";
import { newVisit } from "../visit.js";
import { t } from "../words.js";

const KINDS = {
  closed: { icon: "close", tone: "look", text: "trouble.closed.text" },
  suspended: { icon: "look", tone: "look", text: "trouble.suspended.text" },
  offline: { icon: "offline", tone: "risk", text: "trouble.offline.text", again: true },
  refused: { icon: "offline", tone: "risk", text: "trouble.offline.text", again: true },
  storage: { icon: "risk", tone: "risk", text: "trouble.storage.text" },
};

export function Trouble({ kiosk }) {
  const { visit, go } = kiosk;
  const { icon, tone, text, again } = KINDS[visit.trouble];
  const [busy, setBusy] = useState(false);
  const [deadline, setDeadline] = useState(again ? inSeconds() : null);
  const seconds = useSecondsLeft(busy ? null : deadline);
  const retry = async () => {
    setBusy(true);
    const changes = await findAccount(visit.number);
    setBusy(false);
    setDeadline(inSeconds());
    go(changes);
  };
  useTimeout(again && !busy ? RECONNECT_SECONDS : null, retry, deadline);

  const another = () => go(newVisit());
  return html`<${Screen} kiosk=${kiosk} step="find" name="trouble"
    title=${t(`trouble.${visit.trouble}`)} tone=${tone}
    say=${html`<div class=${`trouble trouble--${tone}`} role="alert">
      <div class="trouble__sign"><${Icon} name=${icon} size="1em" /></div>
      ${visit.number && html`<p class="trouble__number">
        ${t("trouble.number", { account: grouped(visit.number) })}</p>`}
      <p class="trouble__text">${t(text)}</p>
      ${again && html`<p class="trouble__wait figures">
        ${seconds !== null && t("trouble.offline.wait", { n: seconds })}</p>`}
    </div>`}
    main=${again
      ? { label: t("trouble.again"), busy, onPress: retry }
      : { label: t("trouble.another"), onPress: another }}
    onBack=${() => go({ screen: "find", trouble: "" })} />`;
}

const inSeconds = () => Date.now() + 1000 * RECONNECT_SECONDS;
