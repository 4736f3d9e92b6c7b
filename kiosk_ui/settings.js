// How long the kiosk waits, and what its cash acceptor takes. Seconds, unless a name says else.

export const IDLE_SECONDS = 60;
/** The last part of the wait, during which the person is asked. */
export const IDLE_WARNING_SECONDS = 20;
export const RECEIPT_SECONDS = 90;
export const FAREWELL_SECONDS = 10;
export const RECONNECT_SECONDS = 10;

/** Pauses between repeats of a payment without an answer; the last one goes on for ever. */
export const REPEAT_SECONDS = [1, 2, 4, 8, 15, 30];
/** How long one attempt waits for its answer; a repeat is harmless. */
export const PAYMENT_TIMEOUT_SECONDS = 8;
/** After so many attempts the person may leave: the payment goes on by itself. */
export const ATTEMPTS_BEFORE_LEAVING = 3;

/** How long the simulated acceptor looks at a note. */
export const NOTE_MILLISECONDS = 700;
export const NOTES_KOPECKS = [50, 100, 200, 500, 1000, 2000, 5000].map((roubles) => roubles * 100);

export const ACCOUNT_DIGITS_MAX = 30;
export const READING_DIGITS_MAX = 8;
