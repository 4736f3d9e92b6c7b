// One person's visit: which screen, and what is known so far. Plain data, changed by copying.

export const SCREENS = ["find", "debt", "readings", "sum", "cash"];

/** The first screen, nothing known. */
export const newVisit = () => ({
  screen: "find",
  number: "",
  unknown: false,
  trouble: "",
  account: null,
  meter: 0,
  readings: {},
  due: null,
  ownSum: null,
  entry: null,
  resumed: false,
});

/** The steps of this visit; accounts without meters have one less. */
export function stepsOf({ account }) {
  const metered = account === null || account.meters.length > 0;
  return SCREENS.filter((screen) => screen !== "readings" || metered);
}

/** After the debt: the first meter, or the sum when there is none. */
export const afterDebt = ({ account }) =>
  account.meters.length ? { screen: "readings", meter: 0 } : { screen: "sum" };

/** After a meter: the next one, or the sum. */
export const afterMeter = ({ account, meter }) =>
  meter + 1 < account.meters.length ? { meter: meter + 1 } : { screen: "sum" };

export const beforeMeter = ({ meter }) => (meter > 0 ? { meter: meter - 1 } : { screen: "debt" });

export const beforeSum = ({ account }) =>
  account.meters.length
    ? { screen: "readings", meter: account.meters.length - 1 }
    : { screen: "debt" };

/** The readings as they are sent, with what the receipt says about them. */
export const givenReadings = ({ account, readings }) =>
  account.meters
    .filter(({ meter }) => readings[meter])
    .map(({ meter, service_name, unit }) => ({
      meter,
      reading: String(Number(readings[meter])),
      service_name,
      unit,
    }));
