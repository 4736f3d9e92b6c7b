// The keyboard on a list: J and K move, Enter opens; the selected row stays in sight.
import { useEffect } from "../../ui_kit/html.js";
import { useKeys } from "../frame/keys.js";

/** `ids` in order; `selected` one of them or null. `onMove` selects, `onOpen` opens. */
export function useRowKeys({ ids, selected, onMove, onOpen = onMove }) {
  const step = (by) => () => {
    if (!ids.length) return;
    const at = ids.indexOf(selected);
    const next = at < 0 ? (by > 0 ? 0 : ids.length - 1) : at + by;
    if (next >= 0 && next < ids.length) onMove(ids[next]);
  };
  useKeys({
    j: step(1),
    k: step(-1),
    Enter: () => (selected === null ? false : onOpen(selected)),
  });
  useEffect(() => {
    document.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [selected]);
}
