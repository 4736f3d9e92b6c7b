// Second screen: whose account it is and what it owes.
import { html, useState } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { Slip } from "../../ui_kit/components/slip.js";
import { Pages, Screen } from "../frame/frame.js";
import { useLandscape } from "../frame/hooks.js";
import { grouped } from "../groups.js";
import { afterDebt } from "../visit.js";
import { t } from "../words.js";

export function Debt({ kiosk }) {
  const { account } = kiosk.visit;
  const debt = account.debt_kopecks;
  const services = account.services.filter((each) => each.debt_kopecks !== 0);
  return html`<${Screen} kiosk=${kiosk} step="debt" title=${t("debt.title")}
    say=${html`<${Slip} parts=${[
      html`<${Holder} account=${account} />`,
      html`<${Hero} debt=${debt} />`,
    ]} />`}
    hands=${debt > 0
      ? html`<${Services} services=${services} />`
      : html`<${Notice} kind="safe">${t(debt < 0 ? "debt.overpaid.next" : "debt.zero.next")}<//>`}
    main=${{
      label: t(debt > 0 ? "debt.main" : "debt.main.ahead"),
      iconAfter: "next",
      onPress: () => kiosk.go(afterDebt(kiosk.visit)),
    }}
    onBack=${() => kiosk.go({ screen: "find" })} />`;
}

function Holder({ account }) {
  return html`<p class="holder__account">
      ${t("debt.account")} <span class="figures keep">${grouped(account.account)}</span></p>
    <p class="holder__name">${account.holder}</p>
    <p class="holder__address">${account.address.replaceAll(". ", ".\u00a0")}</p>`;
}

function Hero({ debt }) {
  if (debt > 0)
    return html`<p class="hero__label">${t("debt.owed")}</p>
      <p class="hero__sum"><${Money} kopecks=${debt} size="hero" /></p>`;
  const word = debt < 0 ? "overpaid" : "zero";
  return html`<p class="hero__label hero__label--good">
      <${Icon} name="check" /> ${t(`debt.${word}`)}</p>
    <p class="hero__sum"><${Money} kopecks=${-debt || 0} size="hero" /></p>`;
}

function Services({ services }) {
  const [page, setPage] = useState(0);
  const fit = useLandscape() ? 6 : 7;
  // The pager takes the height of two rows.
  const size = services.length > fit ? fit - 2 : fit;
  const rows = services.map(
    ({ service, name, debt_kopecks: kopecks }) => html`<div class="rows__row" key=${service}>
      <span class="rows__name">${name}</span>
      <span class="rows__value"><${Money} kopecks=${kopecks} size="row" /></span>
    </div>`,
  );
  return html`<section class="services">
    <h2 class="services__title">${t("debt.services")}</h2>
    <div class="rows">
      <${Pages} rows=${rows} size=${size} page=${page} onPage=${setPage} />
    </div>
  </section>`;
}
