// Whether a reading looks right before it is sent. The server judges again, by the usual use of
// this meter; here only what the person can still correct at once is pointed out.

const MUCH = { electricity: 2000, default: 100 };

/**
 * { used, wrong, at }: wrong is "" or "below" (less than before; `at` is the digit where it falls
 * behind) or "much" (more than a household uses in months).
 */
export function judgeReading(digits, meter) {
  if (!digits || meter.last_reading === null) return { used: null, wrong: "", at: -1 };
  const before = meter.last_reading.split(".")[0];
  const used = Number(digits) - Number(before);
  if (used < 0) return { used: null, wrong: "below", at: fallsBehind(digits, before) };
  return { used, wrong: used > limit(meter) ? "much" : "", at: -1 };
}

const limit = ({ service }) => (service.includes("electr") ? MUCH.electricity : MUCH.default);

function fallsBehind(digits, before) {
  if (digits.length < before.length) return digits.length - 1;
  return [...digits].findIndex((digit, index) => digit < before[index]);
}
