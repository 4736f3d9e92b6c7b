// The one way to write markup: preact bound to htm, and the hooks, from the vendored copies.
import { Fragment, h, render } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

export {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "./vendor/preact-hooks.js";
export { Fragment, render };
export const html = htm.bind(h);
