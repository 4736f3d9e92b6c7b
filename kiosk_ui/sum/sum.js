// Fourth screen: how much. The debt is recommended; other sums are one touch away.
import { html, useState } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { Money } from "../../ui_kit/components/money.js";
import { Notice } from "../../ui_kit/components/notice.js";
import { formatMoney } from "../../ui_kit/money.js";
import { Screen } from "../frame/frame.js";
import { Digits, Keypad } from "../keypad/keypad.js";
import { beforeSum } from "../visit.js";
import { t } from "../words.js";
import { judgeSum, suggestSums } from "./suggestions.js";

const short = (kopecks) => formatMoney(kopecks, { short: true });

export function Sum({ kiosk }) {
  return kiosk.visit.ownSum === null
    ? html`<${Offers} kiosk=${kiosk} />`
    : html`<${OwnSum} kiosk=${kiosk} />`;
}

function Offers({ kiosk }) {
  const { visit, go, startPayment } = kiosk;
  const debt = visit.account.debt_kopecks;
  const offers = suggestSums(debt, visit.account.limits);
  const due = visit.due ?? (debt > 0 ? offers[0].kopecks : null);
  // «Другая сумма» fills the place that is left in the last row of two.
  const wide = (debt > 0 ? offers.length + 1 : offers.length) % 2 === 0;
  return html`<${Screen} kiosk=${kiosk} step="sum" title=${t("sum.title")}
    say=${html`<div class="offers" role="radiogroup">
      ${offers.map(
        (offer, index) => html`<${Offer} key=${offer.kopecks} offer=${offer} debt=${debt}
          first=${index === 0 && debt > 0} chosen=${offer.kopecks === due}
          onChoose=${() => go({ due: offer.kopecks })} />`,
      )}
      <button type="button" class=${`offer offer--own${wide ? " offer--wide" : ""}`}
        onClick=${() => go({ ownSum: "" })}>
        <span class="offer__name">${t("sum.own")}</span><${Icon} name="next" size="1.500em" />
      </button>
    </div>`}
    hands=${html`<p class="terms">${t("sum.terms")}</p>`}
    main=${{
      label: due === null ? t("sum.main.none") : t("sum.main", { sum: short(due) }),
      iconAfter: due === null ? null : "next",
      disabled: due === null,
      onPress: () => startPayment(due),
    }}
    onBack=${() => go(beforeSum(visit))} />`;
}

function Offer({ offer, debt, first, chosen, onChoose }) {
  return html`<button type="button" role="radio" aria-checked=${String(chosen)}
    class=${`offer${first ? " offer--first" : ""}`} onClick=${onChoose}>
    <span class="offer__mark">${chosen && html`<${Icon} name="check" size="1em" />`}</span>
    <span class="offer__words">
      ${first && html`<span class="offer__name">
        ${t(offer.kind === "most" ? "sum.most" : "sum.debt")}</span>`}
      <${Money} kopecks=${offer.kopecks} size="sum" short=${true} />
      <span class="offer__note">${note(offer, debt, first)}</span>
    </span>
  </button>`;
}

function note({ kopecks, kind }, debt, first) {
  if (first) return kind === "most" ? t("sum.part") : t("sum.debt.note");
  if (kind === "part") return t("sum.part");
  if (kind === "ahead") return t("sum.ahead");
  return t("sum.more", { sum: formatMoney(kopecks - debt) });
}

function OwnSum({ kiosk }) {
  const { visit, go, startPayment } = kiosk;
  const { limits } = visit.account;
  const [selected, setSelected] = useState(-1);
  const value = { digits: visit.ownSum, selected };
  const judged = judgeSum(value.digits, limits);
  const bounds = {
    min: short(limits.min_kopecks),
    max: short(limits.max_kopecks),
  };
  const change = (next) => {
    setSelected(next.selected);
    go({ ownSum: next.digits.replace(/^0+/, "") });
  };
  const good = value.digits && !judged.wrong;
  return html`<${Screen} kiosk=${kiosk} step="sum" name="own-sum" title=${t("sum.own.title")}
    hint=${t("sum.own.hint", bounds)}
    say=${html`
      <${Digits} value=${value} placeholder="0" suffix="₽" group="thousands"
        tone=${judged.wrong ? "wrong" : ""} wrongAt=${judged.at} onSelect=${setSelected} />
      ${judged.wrong
        ? html`<${Notice} kind="look" title=${t(`sum.own.${judged.wrong}`, bounds)} />`
        : html`<p class="terms">${t("sum.terms")}</p>`}
    `}
    hands=${html`<${Keypad} value=${value} lengthMax=${7} onChange=${change} />`}
    main=${{
      label: good
        ? t("sum.main", { sum: short(judged.kopecks) })
        : t("sum.main.own"),
      iconAfter: good ? "next" : null,
      disabled: !good,
      onPress: () => startPayment(judged.kopecks),
    }}
    onBack=${() => go({ ownSum: null })} />`;
}
