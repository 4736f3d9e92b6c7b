// Delivers a sealed payment: the same request again and again, with growing pauses, until the
// outcome is definite. Only our server's own final refusal is a refusal; everything else (no
// network, a proxy's page, 503) means that nobody knows yet.
import { post } from "../ui_kit/api.js";
import { countAttempt, requestOf, settle } from "./journal.js";
import { PAYMENT_TIMEOUT_SECONDS, REPEAT_SECONDS } from "./settings.js";

const underWay = new Map();

/**
 * Starts, or joins, the delivery of an entry. `watch` is called with
 * { entry, waitUntil } after every change; returns what stops the watching, not the delivery.
 */
export function deliver(entry, watch) {
  const id = entry.agent_payment_id;
  let delivery = underWay.get(id);
  if (!delivery) {
    delivery = { entry, waitUntil: null, watchers: new Set() };
    underWay.set(id, delivery);
    repeat(delivery).finally(() => underWay.delete(id));
  }
  delivery.watchers.add(watch);
  watch(delivery);
  return () => delivery.watchers.delete(watch);
}

async function repeat(delivery) {
  while (delivery.entry.state === "sealed") {
    change(delivery, { entry: countAttempt(delivery.entry), waitUntil: null });
    const settled = await attempt(delivery.entry);
    if (settled) return change(delivery, { entry: settled });
    const pause = 1000 * pauseSeconds(delivery.entry.attempts);
    change(delivery, { waitUntil: Date.now() + pause });
    await new Promise((resume) => setTimeout(resume, pause));
  }
}

async function attempt(entry) {
  try {
    const answer = await post("/api/v1/kiosk/payments", requestOf(entry), {
      timeoutMs: 1000 * PAYMENT_TIMEOUT_SECONDS,
    });
    // Another server's page may answer 200; only our answer about this very payment counts.
    return answer?.agent_payment_id === entry.agent_payment_id
      ? settle(entry, "credited", answer)
      : null;
  } catch (error) {
    if (!error.final) return null;
    return settle(entry, "refused", { code: error.code, message: error.message });
  }
}

export const pauseSeconds = (attempts) =>
  REPEAT_SECONDS[Math.min(attempts, REPEAT_SECONDS.length) - 1];

function change(delivery, changes) {
  Object.assign(delivery, changes);
  for (const watch of delivery.watchers) watch(delivery);
}
