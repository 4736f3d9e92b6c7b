// Loading from the server: the old answer stays on screen until the new one is there.
import { useCallback, useEffect, useRef, useState } from "../../ui_kit/html.js";
import { ApiError, get } from "../../ui_kit/api.js";

/** { data, error, loading, reload, setData }; `path` null loads nothing. */
export function useLoaded(path) {
  const [state, setState] = useState({
    path: null,
    data: null,
    error: null,
    loading: path !== null,
  });
  const asked = useRef(0);
  const load = useCallback(() => {
    if (path === null) {
      setState({ path, data: null, error: null, loading: false });
      return Promise.resolve();
    }
    const mine = ++asked.current;
    const done = (changes) => {
      if (mine === asked.current) setState((old) => ({ ...old, path, loading: false, ...changes }));
    };
    setState((old) => ({ ...old, loading: true, error: null }));
    return get(path).then(
      (data) => done({ data, error: null }),
      (error) => {
        tellIfStranger(error);
        done({ error });
      },
    );
  }, [path]);
  useEffect(() => {
    load();
  }, [load]);
  return {
    ...state,
    reload: load,
    setData: (data) => setState((old) => ({ ...old, data, error: null })),
  };
}

/** The log-in page comes up when the server no longer knows who we are. */
export function tellIfStranger(error) {
  if (error instanceof ApiError && error.status === 401)
    dispatchEvent(new Event("kvitok:stranger"));
}

/** A path with its query; empty values are left out. */
export function pathWith(path, query) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return kept.length ? `${path}?${new URLSearchParams(kept)}` : path;
}
