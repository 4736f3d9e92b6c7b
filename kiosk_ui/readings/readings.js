// Third screen, once for each meter: what it shows now, beside what it showed before.
import { html, useState } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatDateShort } from "../../ui_kit/dates.js";
import { groupThousands } from "../../ui_kit/money.js";
import { Screen } from "../frame/frame.js";
import { Digits, Keypad } from "../keypad/keypad.js";
import { READING_DIGITS_MAX } from "../settings.js";
import { afterMeter, beforeMeter } from "../visit.js";
import { t } from "../words.js";
import { judgeReading } from "./plausible.js";

const NBSP = "\u00a0";

export function Readings({ kiosk }) {
  const { visit, go } = kiosk;
  const meter = visit.account.meters[visit.meter];
  const [selected, setSelected] = useState(-1);
  const value = { digits: visit.readings[meter.meter] ?? "", selected };
  const judged = judgeReading(value.digits, meter);
  const blank = value.digits === "";

  const put = (digits) => ({ readings: { ...visit.readings, [meter.meter]: digits } });
  const change = (next) => {
    setSelected(next.selected);
    go(put(next.digits));
  };
  const on = (changes) => {
    setSelected(-1);
    go({ ...changes, ...afterMeter(visit) });
  };

  return html`<${Screen} kiosk=${kiosk} step="readings" title=${t("readings.title")}
    say=${html`
      <${MeterCard} meter=${meter} n=${visit.meter + 1} of=${visit.account.meters.length} />
      <${Digits} value=${value} placeholder=${t("readings.now")} suffix=${meter.unit}
        tone=${judged.wrong === "below" ? "wrong" : judged.wrong === "much" ? "look" : ""}
        wrongAt=${judged.at} group="thousands" onSelect=${setSelected} />
      <${Verdict} judged=${judged} meter=${meter} />
    `}
    hands=${html`<${Keypad} value=${value} lengthMax=${READING_DIGITS_MAX} onChange=${change} />`}
    main=${{
      label: t(blank ? "readings.skip" : `readings.main${judged.wrong === "much" ? ".sure" : ""}`),
      kind: blank ? "second" : "main",
      iconAfter: "next",
      disabled: judged.wrong === "below",
      onPress: () => on({}),
    }}
    onBack=${() => go(beforeMeter(visit))} />`;
}

function MeterCard({ meter, n, of }) {
  return html`<section class="meter">
    <div class="meter__sign"><${Icon} name=${iconOf(meter.service)} size="1em" /></div>
    <div class="meter__names">
      <p class="meter__which">${t("readings.which", { n, of })}</p>
      <p class="meter__service">${meter.service_name}</p>
      <p class="meter__number">${t("readings.meter", { meter: meter.meter })}</p>
    </div>
    <div class="meter__before">
      ${meter.last_reading === null
        ? html`<p class="meter__label">${t("readings.none")}</p>`
        : html`<p class="meter__label figures">
              ${t("readings.before", { date: shortDate(meter.last_date) })}</p>
            <p class="meter__figure figures">${figure(meter.last_reading)}${NBSP}<span
              class="meter__unit">${meter.unit}</span></p>`}
    </div>
  </section>`;
}

function Verdict({ judged, meter }) {
  if (judged.wrong === "below")
    return html`<${Notice} kind="look" title=${t("readings.below")}>
      ${t("readings.below.next")}<//>`;
  if (judged.wrong === "much")
    return html`<${Notice} kind="look" title=${`${t("readings.much")}: ${amount(judged, meter)}`}
      >${t("readings.much.next")}<//>`;
  if (judged.used === null) return html`<p class="used">${t("readings.hint")}</p>`;
  return html`<p class="used">${t("readings.used")} <strong class="figures keep"
    >${amount(judged, meter)}</strong></p>`;
}

const shortDate = (date) => (date ? formatDateShort(date) : "");

const amount = ({ used }, { unit }) => `${groupThousands(String(used))}${NBSP}${unit}`;

const figure = (text) => groupThousands(text.split(".")[0]);

function iconOf(service) {
  if (service.includes("electr")) return "electricity";
  if (service.includes("water")) return "water";
  if (service.includes("gas")) return "gas";
  return service.includes("heat") ? "heat" : "meter";
}
