// What a payment pays for: the debts in the order shown, the rest goes ahead. The same rule by
// which the server spreads money that names no service.

/** [{ name, kopecks }] that adds up to `kopecks`; `name` null is money paid ahead. */
export function spread(kopecks, services) {
  let left = kopecks;
  const parts = [];
  for (const { name, debt_kopecks: debt } of services) {
    const taken = Math.min(left, Math.max(debt, 0));
    if (taken > 0) parts.push({ name, kopecks: taken });
    left -= taken;
  }
  return left > 0 ? [...parts, { name: null, kopecks: left }] : parts;
}
