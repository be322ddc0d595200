/** Marks on the time axis, in nanoseconds from its start, ascending from 0. */
export interface TimeTicks {
  readonly stepNs: number;
  readonly ticksNs: readonly number[];
}

/** Steps a reader adds up without thinking: 1, 2 or 5 times a power of ten. */
export function timeTicks(extentNs: number, widthPx: number, tickPx = 90): TimeTicks {
  if (!(extentNs > 0) || widthPx <= 0) return { stepNs: 1, ticksNs: [0] };
  const wanted = Math.max(1, Math.floor(widthPx / tickPx));
  const least = Math.max(1, extentNs / wanted);
  const power = 10 ** Math.floor(Math.log10(least));
  const stepNs = ([1, 2, 5].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10) * power;
  const ticksNs: number[] = [];
  for (let i = 0; i * stepNs <= extentNs * (1 + 1e-9); i++) ticksNs.push(i * stepNs);
  return { stepNs, ticksNs };
}

const units: readonly (readonly [name: string, ns: number])[] = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
];

/** A tick's label, with no more digits than its step needs: `1.5 s`, `20 ms`, `0`. */
export function tickText(ns: number, stepNs: number): string {
  if (ns === 0) return '0';
  const [name, unitNs] = units.find(([, size]) => ns >= size * (1 - 1e-9)) ?? ['ns', 1];
  const digits = Math.min(9, Math.max(0, Math.ceil(-Math.log10(stepNs / unitNs) - 1e-9)));
  return `${String(Number((ns / unitNs).toFixed(digits)))} ${name}`;
}
