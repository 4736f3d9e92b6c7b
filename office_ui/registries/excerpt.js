// The line of a refused file that the server speaks of, read from the file itself.

const BYTES_MAX = 8 << 20;
const AROUND = 60;

/** { before, at, after } around the column, or null when the line cannot be shown. */
export async function excerptOf(file, line, column) {
  if (!line || !column || file.size > BYTES_MAX) return null;
  const lines = decoded(await file.arrayBuffer()).split(/\r\n|\n|\r/);
  const text = lines[line - 1];
  if (text === undefined || text === "") return null;
  const place = Math.min(column, text.length) - 1;
  const from = Math.max(0, place - AROUND);
  const end = faultEnd(text, place);
  return {
    before: (from ? "…" : "") + shown(text.slice(from, place)),
    at: shown(text.slice(place, end)),
    after: shown(text.slice(end, end + AROUND)) + (text.length > end + AROUND ? "…" : ""),
  };
}

// The whole field that begins at the column.
function faultEnd(text, place) {
  const rest = text.slice(place + 1).search(/[\t|;]/);
  return rest < 0 ? text.length : place + 1 + rest;
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1251").decode(bytes);
  }
}

const shown = (text) => text.replaceAll("\t", " ⇥ ");
