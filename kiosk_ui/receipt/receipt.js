// The receipt: what was paid, for what, under which number, and a code to take it home.
import { html } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { Rows, Slip } from "../../ui_kit/components/slip.js";
import { formatTime } from "../../ui_kit/dates.js";
import { groupThousands } from "../../ui_kit/money.js";
import { Screen } from "../frame/frame.js";
import { useTimeout } from "../frame/hooks.js";
import { grouped } from "../groups.js";
import { RECEIPT_SECONDS } from "../settings.js";
import { t } from "../words.js";
import { spread } from "./spread.js";

const REASONS = ["READING_IMPLAUSIBLE", "READING_PERIOD_CLOSED", "METER_NOT_FOUND"];
const REFUSED_SHOWN = 2;
/** Rows beside the receipt that fit without scrolling; a refused reading takes two. */
const ROWS_FIT = 6;

export function ReceiptScreen({ kiosk }) {
  const { entry } = kiosk.visit;
  const payment = entry.outcome;
  useTimeout(RECEIPT_SECONDS, kiosk.leave, entry.agent_payment_id);
  return html`<${Screen} kiosk=${{ ...kiosk, onFinish: kiosk.farewell }} step="done" name="receipt"
    title=${html`<span class="done">
      <${Icon} name="check" size="1em" />${t("receipt.title")}</span>`}
    tone="safe"
    say=${html`<${Slip} parts=${[
      html`<p class="hero__sum"><${Money} kopecks=${payment.amount_kopecks} size="hero" /></p>
        <${Rows} rows=${facts(payment.receipt)} />`,
      html`<${Code} payment=${payment} />`,
    ]} />`}
    hands=${html`<${Slip} parts=${[
      html`<${Parts} entry=${entry} payment=${payment} />`,
      entry.readings.length > 0 && html`<${ReadingRows} entry=${entry} payment=${payment} />`,
    ]} />`}
    main=${{ label: t("receipt.main"), onPress: kiosk.farewell }} />`;
}

const facts = (receipt) => [
  { name: t("receipt.account"), value: grouped(receipt.account) },
  { name: t("receipt.number"), value: String(receipt.payment_id) },
  { name: t("receipt.date"), value: formatTime(receipt.recorded_at) },
];

// Services that do not fit are added up in one row, so that the parts always make the whole; what
// goes ahead is always named.
function Parts({ entry, payment }) {
  const refused = Math.min(REFUSED_SHOWN, refusedReadings(entry, payment).length);
  const others = entry.readings.length > 0 ? 1 + 2 * refused : 0;
  const parts = spread(payment.amount_kopecks, entry.services);
  const services = parts.filter(({ name }) => name !== null);
  const ahead = parts.filter(({ name }) => name === null);
  const fit = Math.max(2, ROWS_FIT - others - ahead.length);
  const shown = services.length > fit ? services.slice(0, fit - 1) : services;
  const rest = services.slice(shown.length);
  const rows = [
    ...shown.map(({ name, kopecks }) => row(name, kopecks)),
    ...(rest.length ? [row(t("receipt.others", { n: rest.length }), sum(rest))] : []),
    ...ahead.map(({ kopecks }) => row(t("receipt.advance"), kopecks)),
  ];
  return html`<h2 class="slip__title">${t("receipt.services")}</h2><${Rows} rows=${rows} />`;
}

const sum = (parts) => parts.reduce((total, { kopecks }) => total + kopecks, 0);
const row = (name, kopecks) => ({ name, value: html`<${Money} kopecks=${kopecks} size="row" />` });

// One row when all were taken; those that were not are named below it, with the reason.
function ReadingRows({ entry, payment }) {
  const refused = refusedReadings(entry, payment);
  const [n, of] = [entry.readings.length - refused.length, entry.readings.length];
  const taken = t(n === of ? "receipt.reading.taken" : "receipt.reading.some", { n, of });
  return html`<${Rows} rows=${[{ name: t("receipt.readings"), value: taken }]} />
    ${refused.slice(0, REFUSED_SHOWN).map(
      ({ given, reason }) => html`<p class="not-taken" key=${given.meter}>
        ${t("receipt.reading.refused", {
          service: given.service_name,
          reading: groupThousands(given.reading),
          unit: given.unit,
          reason: reasonText(reason),
        })}</p>`,
    )}`;
}

function refusedReadings(entry, payment) {
  const results = new Map(payment.readings.map((each) => [each.meter, each]));
  return entry.readings
    .map((given) => ({ given, result: results.get(given.meter) }))
    .filter(({ result }) => !result?.accepted)
    .map(({ given, result }) => ({ given, reason: result?.reason }));
}

const reasonText = (reason) =>
  t(`receipt.reason.${REASONS.includes(reason) ? reason : "OTHER"}`);

function Code({ payment }) {
  const id = encodeURIComponent(payment.agent_payment_id);
  return html`<section class="qr">
    <img class="qr__picture" src=${`/api/v1/kiosk/payments/${id}/qr.svg`}
      alt=${payment.receipt.qr} />
    <div>
      <h2 class="qr__title">${t("receipt.qr")}</h2>
      <p class="qr__text">${t("receipt.qr.text")}</p>
    </div>
  </section>`;
}
