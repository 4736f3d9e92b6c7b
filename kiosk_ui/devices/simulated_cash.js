// The cash acceptor as the pages see it, simulated. A real driver has the same face:
//   open({ mayTake, onEvent })   starts taking notes; mayTake(kopecks) -> "" or the reason against
//   close()                      takes no more
// Events: { type: "checking" | "stacked" | "returned", kopecks, reason }. A note is in our hands
// only at "stacked"; the next one is not looked at before onEvent("stacked") has returned, that is
// before the journal has it and the screen shows it.
// `insert` is the person's hand and exists only here; `notes` is what the hand may hold.
import { NOTES_KOPECKS, NOTE_MILLISECONDS } from "../settings.js";

export function simulatedCash() {
  let session = null;
  let busy = false;

  async function insert(kopecks) {
    const here = session;
    if (!here || busy) return;
    busy = true;
    here.onEvent({ type: "checking", kopecks });
    await new Promise((resume) => setTimeout(resume, NOTE_MILLISECONDS));
    busy = false;
    // Closed while the note was being looked at: it comes back out.
    const reason = session === here ? here.mayTake(kopecks) : "closed";
    here.onEvent(reason ? { type: "returned", kopecks, reason } : { type: "stacked", kopecks });
  }

  return {
    simulated: true,
    notes: NOTES_KOPECKS,
    insert,
    open: (next) => (session = next),
    close: () => (session = null),
  };
}
