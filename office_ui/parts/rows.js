// The keyboard on a list: J and K move, Enter opens; the selected row stays in sight.
import { useEffect, useRef } from "../../ui_kit/html.js";
import { useKeys } from "../frame/keys.js";

/** `ids` in order; `selected` one of them or null. `onMove` selects, `onOpen` opens. Returns what
 *  goes to the next one, or null at the end. */
export function useRowKeys({ ids, selected, onMove, onOpen = onMove }) {
  const place = useRef(0);
  const at = ids.indexOf(selected);
  if (at >= 0) place.current = at;
  // A row that has left the list leaves its place to the one after it.
  const next = at >= 0 ? at + 1 : selected === null ? 0 : place.current;
  const step = (to) => () => {
    if (to >= 0 && to < ids.length) onMove(ids[to]);
  };
  useKeys({
    j: step(next),
    k: step((at >= 0 ? at : place.current) - 1),
    Enter: () => (selected === null ? false : onOpen(selected)),
  });
  useEffect(() => {
    document.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  return next < ids.length ? step(next) : null;
}
