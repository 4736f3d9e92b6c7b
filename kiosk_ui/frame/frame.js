// The frame of every screen: who we are, the step, the question, and at the foot the one main
// button, the way back and «Закончить», always at the same place.
import { Fragment, html } from "../../ui_kit/html.js";
import { Button } from "../../ui_kit/components/button.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { LanguageSwitch } from "../../ui_kit/components/language_switch.js";
import { stepsOf } from "../visit.js";
import { t } from "../words.js";

const SLIP =
  "M6 2h20a3 3 0 0 1 3 3v9a3 3 0 0 0 0 6v7a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3v-7a3 3 0 0 0 0-6V5" +
  "a3 3 0 0 1 3-3Z";

/**
 * `say` is what the person reads, `hands` what the hands do (below it in portrait, to the right in
 * landscape). `main`: { label, onPress, icon, kind, disabled, busy }. Without `onBack` the way
 * back is closed and the button says so.
 */
export function Screen({ kiosk, step, title, hint, tone = "", say, hands, main, onBack, name }) {
  return html`<div class="kiosk" data-screen=${name ?? step}>
    <header class="head">
      <div class="brand">
        <svg class="brand__sign" viewBox="0 0 32 32" aria-hidden="true">
          <path class="brand__slip" d=${SLIP} />
          <path class="brand__check" d="m10 16.500 4.500 4.500L23 11.500" />
        </svg>
        <div>
          <p class="brand__name">${t("brand")}</p>
          <p class="brand__line">${t("brand.line")}</p>
        </div>
      </div>
      <${LanguageSwitch} />
    </header>
    <${Steps} visit=${kiosk.visit} step=${step} />
    <main class="body">
      <div class="body__ask">
        <h1 class=${`title${tone ? ` title--${tone}` : ""}`}>${title}</h1>
        ${hint && html`<p class="hint">${hint}</p>`}
      </div>
      <div class="body__say">${say}</div>
      ${hands && html`<div class="body__hands">${hands}</div>`}
    </main>
    <footer class="foot">
      <div class="foot__main">
        <${Button} kind=${main.kind ?? "main"} icon=${main.icon} iconAfter=${main.iconAfter}
          busy=${main.busy} disabled=${main.disabled || main.busy} data-main
          onClick=${main.onPress}>${main.label}<//>
      </div>
      <div class="foot__back">
        <${Button} icon="back" disabled=${!onBack} onClick=${onBack}>${t("back")}<//>
      </div>
      <div class="foot__finish">
        <${Button} icon="exit" disabled=${!kiosk.onFinish} onClick=${kiosk.onFinish}>
          ${t("finish")}<//>
      </div>
    </footer>
  </div>`;
}

function Steps({ visit, step }) {
  const steps = stepsOf(visit);
  const here = step === "done" ? steps.length : steps.indexOf(step);
  if (here < 0) return html`<div class="steps" />`;
  const now = { n: Math.min(here + 1, steps.length), of: steps.length };
  return html`<ol class="steps" aria-label=${t("steps.now", now)}>
    ${steps.map((name, index) => {
      const state = index < here ? "done" : index === here ? "here" : "ahead";
      return html`<li class=${`step step--${state}`} key=${name}
        aria-current=${state === "here" ? "step" : null}>
        <span class="step__bar" />
        <span class="step__name">
          ${state === "done"
            ? html`<${Icon} name="check" size="1em" />`
            : html`<span class="step__number">${index + 1}</span>`}
          ${t(`step.${name}`)}
        </span>
      </li>`;
    })}
  </ol>`;
}

/** A list that pages instead of scrolling. `rows` are nodes; `size` of them at a time. */
export function Pages({ rows, size, page, onPage }) {
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const from = Math.min(page, pages - 1) * size;
  return html`<${Fragment}>
    ${rows.slice(from, from + size)}
    ${pages > 1 &&
    html`<div class="pager">
      <${Button} icon="less" disabled=${page === 0} onClick=${() => onPage(page - 1)}>
        ${t("page.previous")}<//>
      <span class="pager__where figures">${t("page.of", { n: page + 1, of: pages })}</span>
      <${Button} icon="more" disabled=${page + 1 >= pages} onClick=${() => onPage(page + 1)}>
        ${t("page.next")}<//>
    </div>`}
  <//>`;
}
