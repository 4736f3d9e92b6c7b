// Shortcuts: one listener; a page adds its keys while it is on screen. The last one added wins.
import { useLayoutEffect, useRef } from "../../ui_kit/html.js";

const layers = [];

// The physical key, so that shortcuts also work under a Russian keyboard layout.
const CODES = { Slash: "/", Escape: "Escape", Enter: "Enter", ArrowDown: "j", ArrowUp: "k" };

export function keyOf(event) {
  if (event.key === "?" || (event.code === "Slash" && event.shiftKey)) return "?";
  if (event.code === "Digit7" && event.shiftKey && event.key === "?") return "?";
  if (/^Key[A-Z]$/.test(event.code)) return event.code.slice(3).toLowerCase();
  if (/^(Digit|Numpad)\d$/.test(event.code)) return event.code.slice(-1);
  return CODES[event.code] ?? CODES[event.key] ?? event.key;
}

const isTyping = (target) =>
  target instanceof HTMLElement &&
  /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) &&
  !/^(radio|checkbox|file)$/.test(target.type);

function listen(event) {
  if (event.altKey || event.metaKey || event.isComposing) return;
  const plain = keyOf(event);
  const key = event.ctrlKey ? `ctrl+${plain}` : plain;
  const typing = isTyping(event.target);
  if (typing && key === "Escape") return event.target.blur();
  if (typing && !event.ctrlKey) return;
  if (key === "Enter" && event.target.closest?.("button, a, summary, label")) return;
  for (const layer of [...layers].reverse()) {
    const act = layer.current[key];
    if (act && act(event) !== false) {
      event.preventDefault();
      return;
    }
    if (layer.current.modal) return;
  }
}

/** `keys`: { j: act, "ctrl+Enter": act }. An act that returns false lets the key pass on. */
export function useKeys(keys) {
  const layer = useRef(keys);
  layer.current = keys;
  // Before the picture, so that a key that is printed on the screen already works.
  useLayoutEffect(() => {
    if (!layers.length) addEventListener("keydown", listen);
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      if (!layers.length) removeEventListener("keydown", listen);
    };
  }, []);
}
