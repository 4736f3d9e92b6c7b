// The workbench: who is logged in, which page is open.
import { html, render, useCallback, useEffect, useState } from "../ui_kit/html.js";
import { get, request } from "../ui_kit/api.js";
import { language, onLanguage } from "../ui_kit/language.js";
import { AgentPage } from "./agents/agent.js";
import { AgentsPage } from "./agents/agents.js";
import { Frame } from "./frame/frame.js";
import { t } from "./frame/words.js";
import { LogIn } from "./log_in/log_in.js";
import { MismatchesPage } from "./mismatches/mismatches.js";
import { Loading, Trouble } from "./parts/states.js";
import { PaymentPage } from "./payment/payment.js";
import { PaymentsPage } from "./payment/payments.js";
import { RegistriesPage } from "./registries/registries.js";
import { RegistryPage } from "./registry/registry.js";
import { goTo, linkTo, useRoute } from "./route.js";

function Office() {
  const [session, setSession] = useState(null);
  const [trouble, setTrouble] = useState(null);
  const [, redraw] = useState(0);
  useEffect(() => onLanguage(() => redraw((count) => count + 1)), []);
  useEffect(() => {
    document.documentElement.lang = language();
    document.title = `${t("brand")} · ${t("brand.line")}`;
  });
  const ask = useCallback(() => {
    setTrouble(null);
    get("/api/v1/session").then(setSession, setTrouble);
  }, []);
  useEffect(ask, []);
  useEffect(() => {
    // A session that ended meanwhile: whatever page noticed it, the log-in comes up.
    const listen = () => ask();
    addEventListener("kvitok:stranger", listen);
    return () => removeEventListener("kvitok:stranger", listen);
  }, []);

  if (trouble) return html`<${Trouble} error=${trouble} onAgain=${ask} />`;
  if (!session) return html`<${Loading} />`;
  if (!session.staff) return html`<${LogIn} session=${session} onSession=${setSession} />`;
  const logOut = () => request("DELETE", "/api/v1/session").then(setSession, setTrouble);
  return html`<${Desk} session=${session} onLogOut=${logOut} />`;
}

function Desk({ session, onLogOut }) {
  const route = useRoute();
  const page = PAGES[route.page] ? route.page : "registries";
  useEffect(() => {
    if (route.page !== page) goTo(linkTo(page));
  }, [route.page]);
  const Page = PAGES[page](route);
  return html`<${Frame} session=${session} page=${page} onLogOut=${onLogOut}>
    <${Page} staff=${session.staff} route=${route} />
  <//>`;
}

const PAGES = {
  registries: (route) => (route.id === null ? RegistriesPage : RegistryPage),
  mismatches: () => MismatchesPage,
  payments: (route) => (route.id === null ? PaymentsPage : PaymentPage),
  agents: (route) => (route.name ? AgentPage : AgentsPage),
};

render(html`<${Office} />`, document.getElementById("office"));
