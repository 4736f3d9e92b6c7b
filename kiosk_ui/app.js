// The kiosk: one visit after another. Unfinished payments of earlier visits come first.
import { Fragment, html, render, useEffect, useRef, useState } from "../ui_kit/html.js";
import { language, onLanguage } from "../ui_kit/language.js";
import { Cash } from "./cash/cash.js";
import { RefusedWithMoney, Sending } from "./cash/sending.js";
import { Debt } from "./debt/debt.js";
import { deliver } from "./deliver.js";
import { simulatedCash } from "./devices/simulated_cash.js";
import { Farewell } from "./farewell/farewell.js";
import { FindAccount } from "./find_account/find_account.js";
import { Idle } from "./idle.js";
import { addNote, canKeep, newEntry, seal, unfinished } from "./journal.js";
import { Readings } from "./readings/readings.js";
import { ReceiptScreen } from "./receipt/receipt.js";
import { Sum } from "./sum/sum.js";
import { Trouble } from "./trouble/trouble.js";
import { givenReadings, newVisit } from "./visit.js";
import { t } from "./words.js";

const SCREENS = {
  find: FindAccount,
  debt: Debt,
  trouble: Trouble,
  readings: Readings,
  sum: Sum,
  cash: Cash,
  sending: Sending,
  refused: RefusedWithMoney,
  receipt: ReceiptScreen,
  farewell: Farewell,
};
const OUTCOME_SCREENS = { credited: "receipt", refused: "refused" };
/** Screens that end by themselves or wait for the server, never for the person. */
const NOT_IDLE = ["sending", "receipt", "farewell"];

const cash = simulatedCash();

function Kiosk() {
  // The visit is read through a reference, so that two events in one turn both count.
  const visitNow = useRef(null);
  visitNow.current ??= firstVisit();
  const [, redraw] = useState(0);
  const visit = visitNow.current;
  useEffect(() => onLanguage(() => redraw((count) => count + 1)), []);
  useEffect(() => {
    document.documentElement.lang = language();
    document.title = `${t("brand")} · ${t("brand.line")}`;
  });

  const go = (changes) => {
    visitNow.current = { ...visitNow.current, ...changes };
    redraw((count) => count + 1);
  };
  const leave = () => go(newVisit());
  const kiosk = {
    visit,
    cash,
    go,
    leave,
    onFinish: untouched(visit) ? null : leave,
    farewell: () => go({ screen: "farewell" }),
    startPayment: (due) => go(paymentStarted(visit, due)),
    takeNote: (kopecks) => go({ entry: addNote(visitNow.current.entry, kopecks) }),
    sealPayment: (entry) => go({ screen: "sending", entry: seal(entry) }),
    entryChanged: (entry) => {
      if (visitNow.current.screen === "sending")
        go({ entry, screen: OUTCOME_SCREENS[entry.state] ?? "sending" });
    },
  };
  const money = visit.screen === "cash" && visit.entry.notes.length > 0 ? visit.entry : null;
  const Current = SCREENS[visit.screen];
  return html`<${Fragment}>
    <${Current} key=${`${visit.screen} ${visit.meter}`} kiosk=${kiosk} />
    ${!untouched(visit) && !NOT_IDLE.includes(visit.screen) &&
    html`<${Idle} screen=${visit.screen} entry=${money}
      onGone=${money ? () => kiosk.sealPayment(money) : leave} />`}
  <//>`;
}

/** Nothing to finish and nobody to ask: the first screen with nothing on it. */
const untouched = (visit) => visit.screen === "find" && visit.number === "";

/** A payment that a restart interrupted is taken up before anything else. */
function firstVisit() {
  const [entry, ...others] = canKeep() ? unfinished() : [];
  for (const other of others) deliver(other.state === "open" ? seal(other) : other, () => {});
  if (!entry) return newVisit();
  const screen = entry.state === "open" ? "cash" : "sending";
  return { ...newVisit(), screen, entry, number: entry.account, resumed: entry.notes.length };
}

function paymentStarted(visit, due) {
  if (!canKeep()) return { screen: "trouble", trouble: "storage" };
  const { account } = visit;
  const entry = newEntry({
    account: account.account,
    services: account.services.map(({ name, debt_kopecks }) => ({ name, debt_kopecks })),
    due_kopecks: due,
    ...account.limits,
    readings: givenReadings(visit),
  });
  return { screen: "cash", due, entry, resumed: 0 };
}

render(html`<${Kiosk} />`, document.getElementById("kiosk"));
