// Which sums to offer. Notes give no change, so what is above the debt is a round sum.

const ROUND_KOPECKS = [10_000, 50_000, 100_000];
const AHEAD_KOPECKS = [50_000, 100_000, 200_000, 500_000];
const LARGE_PART_KOPECKS = [500_000, 1_000_000];
const OFFERS_MAX = 4;

/**
 * Offers, best first: { kopecks, kind } with kind debt, most (the debt is above one payment),
 * more (rounded up), part or ahead.
 */
export function suggestSums(debt, { min_kopecks: min, max_kopecks: max }) {
  const fits = (kopecks) => kopecks >= min && kopecks <= max;
  if (debt <= 0) return offers(AHEAD_KOPECKS.filter(fits), "ahead");
  const whole = { kopecks: Math.max(debt, min), kind: "debt" };
  const first = debt > max ? { kopecks: max, kind: "most" } : whole;
  const above = ROUND_KOPECKS.map((step) => Math.ceil(debt / step) * step).filter(
    (kopecks) => kopecks > debt && fits(kopecks),
  );
  const half = Math.round(debt / 2 / 10_000) * 10_000;
  const below = (debt > max ? LARGE_PART_KOPECKS : [half]).filter(
    (kopecks) => kopecks > 0 && kopecks < first.kopecks && fits(kopecks),
  );
  return unique([first, ...offers(below, "part"), ...offers(above, "more")]).slice(0, OFFERS_MAX);
}

const offers = (sums, kind) => sums.map((kopecks) => ({ kopecks, kind }));

function unique(list) {
  const seen = new Set();
  return list.filter(({ kopecks }) => !seen.has(kopecks) && seen.add(kopecks));
}

/** What a typed sum in roubles is worth: { kopecks, wrong: "" | "above" | "below", at } where
 * `at` is the index of the digit that made it wrong. */
export function judgeSum(digits, { min_kopecks: min, max_kopecks: max }) {
  const kopecks = Number(digits || "0") * 100;
  if (kopecks <= max) return { kopecks, wrong: digits && kopecks < min ? "below" : "", at: -1 };
  const at = [...digits].findIndex((_, index) => Number(digits.slice(0, index + 1)) * 100 > max);
  return { kopecks, wrong: "above", at };
}
