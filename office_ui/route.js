// Where we are: the part of the address after #, as a path and its query.
//   #/mismatches/12?kind=UNIDENTIFIED  →  { page: "mismatches", id: 12, query: { kind: … } }
//   #/agents/osmp                      →  { page: "agents", id: null, name: "osmp", query: {} }
import { useEffect, useState } from "../ui_kit/html.js";

export function parseRoute(hash) {
  const [path, queryText = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page = "", id = ""] = path.split("/");
  return {
    page,
    id: /^\d+$/.test(id) ? Number(id) : null,
    name: decodeURIComponent(id),
    query: Object.fromEntries(new URLSearchParams(queryText)),
  };
}

/** The address of a page; empty values of the query are left out. */
export function linkTo(page, id = null, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const text = new URLSearchParams(kept).toString();
  return `#/${page}${id === null ? "" : `/${encodeURIComponent(id)}`}${text ? `?${text}` : ""}`;
}

export const goTo = (link) => {
  location.hash = link;
};

/** Like goTo, without a new entry for the way back: for filters that are being typed. */
export const replaceWith = (link) => {
  history.replaceState(null, "", link);
  dispatchEvent(new HashChangeEvent("hashchange"));
};

export function useRoute() {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const listen = () => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", listen);
    return () => removeEventListener("hashchange", listen);
  }, []);
  return route;
}
