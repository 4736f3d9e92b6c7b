// What screens need of the world: the shape of the screen, a ticking second, idleness, keys.
import { useEffect, useRef, useState } from "../../ui_kit/html.js";

const LANDSCAPE = "(min-aspect-ratio: 1 / 1)";

/** Whether the screen lies; screens use it to choose how many rows fit, never how they look. */
export function useLandscape() {
  const [lies, setLies] = useState(() => matchMedia(LANDSCAPE).matches);
  useEffect(() => {
    const media = matchMedia(LANDSCAPE);
    const listen = () => setLies(media.matches);
    media.addEventListener("change", listen);
    return () => media.removeEventListener("change", listen);
  }, []);
  return lies;
}

/** Seconds left until `deadline` (a Date.now()), or null without one; redraws every second. */
export function useSecondsLeft(deadline) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (deadline === null) return undefined;
    const timer = setInterval(() => tick((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, [deadline]);
  return deadline === null ? null : Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
}

/** Calls `onDue` once when `seconds` have passed without a change of `key`. */
export function useTimeout(seconds, onDue, key) {
  const due = useRef(onDue);
  due.current = onDue;
  useEffect(() => {
    if (seconds === null) return undefined;
    const timer = setTimeout(() => due.current(), seconds * 1000);
    return () => clearTimeout(timer);
  }, [seconds, key]);
}

/** When the person last touched anything, as Date.now(); changes at most once a second. */
export function useLastTouch(resetKey) {
  const [touched, setTouched] = useState(() => Date.now());
  useEffect(() => {
    const note = () => setTouched((before) => (Date.now() - before > 1000 ? Date.now() : before));
    setTouched(Date.now());
    addEventListener("pointerdown", note, true);
    addEventListener("keydown", note, true);
    return () => {
      removeEventListener("pointerdown", note, true);
      removeEventListener("keydown", note, true);
    };
  }, [resetKey]);
  return [touched, () => setTouched(Date.now())];
}

/** A keyboard, where there is one: digits, Backspace, Enter (the main button). */
export function useKeys({ onDigit, onErase }) {
  const handlers = useRef(null);
  handlers.current = { onDigit, onErase };
  useEffect(() => {
    const listen = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (document.querySelector(".veil")) return;
      if (/^[0-9]$/.test(event.key)) handlers.current.onDigit(event.key);
      else if (event.key === "Backspace") handlers.current.onErase();
      else if (event.key === "Enter" && !event.target.closest?.("button"))
        document.querySelector("[data-main]")?.click();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}
