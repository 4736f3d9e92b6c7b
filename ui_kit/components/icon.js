// Icons: one stroke, 24 x 24, the colour of the text beside them. Always beside a word.
import { html } from "../html.js";

const PATHS = {
  back: "M19 12H5m6-7-7 7 7 7",
  next: "M5 12h14m-6-7 7 7-7 7",
  erase: "M20 5H9l-7 7 7 7h11a1 1 0 0 0 1-1V6a1 1 0 0 0-1-1Zm-10 4 6 6m0-6-6 6",
  check: "m4 12.5 5.5 5.5L20 6.5",
  close: "m5 5 14 14M19 5 5 19",
  look: "M12 3 1.8 20.5h20.4L12 3Zm0 7v5m0 2.6v.4",
  risk: "M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8L8 2.5ZM12 7v6m0 3.4v.4",
  clock: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19ZM12 7v5.4l3.6 2",
  offline: "M2 8.5a15 15 0 0 1 6-3.4M22 8.5a15 15 0 0 0-8-3.8M5.5 12.6a10 10 0 0 1 3.6-2.3m9.4 2.3a10 10 0 0 0-2.6-1.8M9 16.4a5 5 0 0 1 6 0M12 20h.01M3 3l18 18",
  exit: "M14 4h5a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-5M4 12h11m-4-4.5 4.5 4.5L11 16.5",
  home: "m3 11 9-8 9 8M5.5 9.5V20a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V9.5M10 21v-6h4v6",
  bill: "M5 2.5h14v19l-2.4-1.6-2.3 1.6-2.3-1.6-2.3 1.6-2.3-1.6L5 21.5v-19ZM9 7.5h6m-6 4h6m-6 4h3",
  cash: "M2.5 6h19v12h-19V6ZM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM6 12h.01M18 12h.01",
  meter: "M4 19a9.5 9.5 0 1 1 16 0M12 13l4-4M12 14.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Z",
  water: "M12 2.5S5.5 10 5.5 14.8a6.5 6.5 0 0 0 13 0C18.5 10 12 2.5 12 2.5ZM9 15.5a3 3 0 0 0 3 3",
  electricity: "M13.5 2.5 4.5 14h6.5l-1 7.5L19.5 10H13l.5-7.5Z",
  gas: "M12 2.5c1 4 5.8 6 5.8 11.3a5.8 5.8 0 0 1-11.6 0c0-2.6 1.4-4 2.4-5.6.6 1.4 1.2 2 2 2.3C10.4 7.600 11 5 12 2.5Z",
  heat: "M7 3c-2 3 2 4 0 7.500m5-7.500c-2 3 2 4 0 7.500m5-7.500c-2 3 2 4 0 7.500M4 14h16v6H4v-6Zm4 0v6m4-6v6m4-6v6",
  search: "M10.500 3.500a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM15.500 15.500 21 21",
  more: "m6 9 6 6 6-6",
  less: "m6 15 6-6 6 6",
  plus: "M12 4v16M4 12h16",
  rows: "M4 5h16M4 12h16M4 19h16",
  differ: "M5 9h14M5 15h14M15 4 9 20",
  keys: "M2.5 6h19v12h-19V6Zm4 4h.01m3.990 0h.01m3.990 0h.01m3.490 0h.01M8 14h8",
  upload: "M12 16V4m-5 5 5-5 5 5M4 16v4h16v-4",
  person: "M12 3.500a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.500 21c.5-4.200 3.500-6.500 7.500-6.500s7 2.300 7.500 6.500",
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1m2 3.500a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1",
};

/** `name` is a key of PATHS; decorative, so hidden from screen readers. */
export function Icon({ name, size = "1.25em" }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none"
    stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"
    aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}
