/** An attribute whose value is more frequent in one set of requests than in another. */
export interface ApartAttribute {
  readonly key: string;
  readonly value: string;
  /** Share of the selected requests that have it, from 0 to 1. */
  readonly share: number;
  /** Share of the others. */
  readonly otherShare: number;
  /** Share of all requests with it that are selected. */
  readonly selectedShare: number;
}

/** Attributes of one request, by key. */
export type RequestAttributes = ReadonlyMap<string, string>;

/** How many are wanted, and of how many requests each of those stands that are given. */
export interface ApartOptions {
  /** 5 by default. */
  readonly foundMax?: number;
  /** How many requests each of the selected ones represents; 1 by default. */
  readonly selectedWeight?: number;
  /** The same of the others. */
  readonly otherWeight?: number;
}

const SELECTED_MIN = 5;
const DIFFERENCE_MIN = 0.2;
/** False discoveries that are accepted among all that is found. */
const FALSE_DISCOVERY_RATE = 0.01;
/** A key with more values is an ID if most requests have one of their own. */
const VALUES_MIN = 10;
const ID_SHARE = 0.5;
const FOUND_MAX = 5;
/** Keys that say how a request ended, not what it was. */
const OUTCOME_KEY = /^(error|exception|otel)\b|(^|[._])status([._]|$)|[._](duration|elapsed)([._]|$)|body[._]size$/;

/**
 * The attributes that set some requests apart from others, the clearest first: associated with them, which does not
 * mean that they are the cause. IDs are left out. Each value is tested with Fisher's exact test, and all together with
 * Benjamini's and Hochberg's procedure.
 *
 * @see https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
 */
export function attributesApart(
  selected: readonly RequestAttributes[],
  others: readonly RequestAttributes[],
  { foundMax = FOUND_MAX, selectedWeight = 1, otherWeight = 1 }: ApartOptions = {},
): ApartAttribute[] {
  if (selected.length < SELECTED_MIN || others.length === 0) return [];
  const counts = countValues(selected, others);
  const tests = [...counts].flatMap(([key, values]) => {
    if (OUTCOME_KEY.test(key) || isId(values)) return [];
    return [...values].map(([value, { inSelected, inOthers }]) => ({
      key,
      value,
      share: inSelected / selected.length,
      otherShare: inOthers / others.length,
      selectedShare: (inSelected * selectedWeight) / (inSelected * selectedWeight + inOthers * otherWeight),
      inSelected,
      probability: fisher(inSelected, selected.length, inOthers, others.length),
    }));
  });
  tests.sort((a, b) => a.probability - b.probability);
  let accepted = 0;
  for (const [at, { probability }] of tests.entries()) {
    if (probability <= (FALSE_DISCOVERY_RATE * (at + 1)) / tests.length) accepted = at + 1;
  }
  return tests
    .slice(0, accepted)
    .filter((test) => test.inSelected >= SELECTED_MIN && test.share - test.otherShare >= DIFFERENCE_MIN)
    .toSorted((a, b) => b.share - b.otherShare - (a.share - a.otherShare) || compare(a.key, b.key))
    .slice(0, foundMax)
    .map(({ key, value, share, otherShare, selectedShare }) => ({ key, value, share, otherShare, selectedShare }));
}

/**
 * One sentence on what `attributesApart` has found of so many requests. It says what is associated, and never why.
 *
 * @example
 * const tenant = { key: 'tenant', value: 'acme', share: 0.9, otherShare: 0.1, selectedShare: 0.7 };
 * // 'tenant = acme is associated with the selection: 90% of it have it, 10% of the others'
 * sayApart([tenant], 40, 200);
 */
export function sayApart(apart: readonly ApartAttribute[], selectedCount: number, otherCount: number): string {
  if (selectedCount < SELECTED_MIN || otherCount === 0) {
    return `Too little to compare: ${selectedCount} selected, at least ${SELECTED_MIN} are needed, and ${otherCount} others`;
  }
  const [first, ...more] = apart;
  if (first === undefined) return 'No attribute is clearly more frequent in the selection than in the others';
  const shares = `${percent(first.share)} of it have it, ${percent(first.otherShare)} of the others`;
  const others = more.length === 0 ? '' : `; so are ${more.map(({ key, value }) => `${key} = ${value}`).join(', ')}`;
  return `${first.key} = ${first.value} is associated with the selection: ${shares}${others}`;
}

function percent(share: number): string {
  const percentage = share * 100;
  return `${percentage > 0 && percentage < 10 ? Number(percentage.toPrecision(2)) : Math.round(percentage)}%`;
}

interface ValueCount {
  inSelected: number;
  inOthers: number;
}

function countValues(
  selected: readonly RequestAttributes[],
  others: readonly RequestAttributes[],
): Map<string, Map<string, ValueCount>> {
  const counts = new Map<string, Map<string, ValueCount>>();
  const add = (requests: readonly RequestAttributes[], member: keyof ValueCount): void => {
    for (const request of requests) {
      for (const [key, value] of request) {
        let values = counts.get(key);
        if (values === undefined) {
          values = new Map();
          counts.set(key, values);
        }
        const known = values.get(value) ?? { inSelected: 0, inOthers: 0 };
        known[member]++;
        values.set(value, known);
      }
    }
  };
  add(selected, 'inSelected');
  add(others, 'inOthers');
  return counts;
}

function isId(values: ReadonlyMap<string, ValueCount>): boolean {
  if (values.size <= VALUES_MIN) return false;
  let requests = 0;
  for (const { inSelected, inOthers } of values.values()) requests += inSelected + inOthers;
  return values.size > ID_SHARE * requests;
}

/** The probability that so many or more of the selected have a value by chance. */
function fisher(inSelected: number, selected: number, inOthers: number, others: number): number {
  const having = inSelected + inOthers;
  const all = selected + others;
  const most = Math.min(having, selected);
  const total = logChoose(all, having);
  let probability = 0;
  for (let count = inSelected; count <= most; count++) {
    probability += Math.exp(logChoose(selected, count) + logChoose(others, having - count) - total);
  }
  return Math.min(1, probability);
}

const logFactorials: number[] = [0];

function logChoose(of: number, count: number): number {
  if (count < 0 || count > of) return Number.NEGATIVE_INFINITY;
  for (let n = logFactorials.length; n <= of; n++) logFactorials.push(logFactorials[n - 1]! + Math.log(n));
  return logFactorials[of]! - logFactorials[count]! - logFactorials[of - count]!;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
