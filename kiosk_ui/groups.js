// Digits in groups, the same while they are typed and when they are shown: 1004 217.

export const GROUP = 4;

/** [[{ digit, index }, …], …] */
export function groupDigits(digits) {
  const groups = [];
  [...digits].forEach((digit, index) => {
    if (index % GROUP === 0) groups.push([]);
    groups[groups.length - 1].push({ digit, index });
  });
  return groups;
}

/** An account number as people read it. */
export const grouped = (digits) =>
  groupDigits(digits)
    .map((group) => group.map(({ digit }) => digit).join(""))
    .join("\u00a0");
