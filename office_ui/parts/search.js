// A search field: what is typed counts after a moment, and `/` leads to it.
import { html, useEffect, useRef, useState } from "../../ui_kit/html.js";
import { Icon } from "../../ui_kit/components/icon.js";
import { useKeys } from "../frame/keys.js";
import { Kbd } from "./kbd.js";

const TYPING_MS = 200;

export function Search({ label, text, onText }) {
  const input = useRef(null);
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return undefined;
    const timer = setTimeout(() => onText(typed), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useKeys({
    "/": () => {
      input.current.focus();
      input.current.select();
    },
  });
  const leave = (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.stopPropagation();
    event.target.blur();
  };
  return html`<label class="search"><span class="unseen">${label}</span>
    <${Icon} name="search" />
    <input class="input search__input" ref=${input} type="search" placeholder=${label}
      value=${typed} onInput=${(event) => setTyped(event.target.value)} onKeyDown=${leave} />
    <${Kbd}>/<//></label>`;
}
