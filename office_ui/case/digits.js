// The difference itself, character by character: what one text has and the other has not.

/** Pairs in reading order: { left, right, same }; a side that lacks a character has "". */
export function aligned(left, right) {
  const cost = costs(left, right);
  const pairs = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const keep =
      i < left.length && j < right.length
        ? cost[i + 1][j + 1] + (left[i] === right[j] ? 0 : 1)
        : Infinity;
    const drop = i < left.length ? cost[i + 1][j] + 1 : Infinity;
    if (keep === cost[i][j]) pairs.push({ left: left[i++], right: right[j++] });
    else if (drop === cost[i][j]) pairs.push({ left: left[i++], right: "" });
    else pairs.push({ left: "", right: right[j++] });
  }
  return pairs.map((pair) => ({ ...pair, same: pair.left === pair.right }));
}

// cost[i][j]: the fewest changes from left.slice(i) to right.slice(j).
function costs(left, right) {
  const cost = Array.from({ length: left.length + 1 }, () => new Array(right.length + 1).fill(0));
  for (let i = left.length; i >= 0; i--) {
    for (let j = right.length; j >= 0; j--) {
      if (i === left.length) cost[i][j] = right.length - j;
      else if (j === right.length) cost[i][j] = left.length - i;
      else {
        const change = left[i] === right[j] ? 0 : 1;
        cost[i][j] = Math.min(cost[i + 1][j + 1] + change, cost[i + 1][j] + 1, cost[i][j + 1] + 1);
      }
    }
  }
  return cost;
}

/** Sums differ by places, not by letters: padded in front, so that kopecks stand under kopecks.
 *  `light`: what is set lighter, the kopecks and the sign after them. */
export function alignedSums(left, right) {
  const length = Math.max(left.length, right.length);
  const [a, b] = [left.padStart(length), right.padStart(length)];
  const point = a.search(/[.,]\d\d\D*$/);
  return Array.from({ length }, (_, place) => ({
    light: point >= 0 && place >= point,
    left: a[place].trim() || (a[place] === "\u00a0" ? a[place] : ""),
    right: b[place].trim() || (b[place] === "\u00a0" ? b[place] : ""),
    same: a[place] === b[place],
  }));
}
