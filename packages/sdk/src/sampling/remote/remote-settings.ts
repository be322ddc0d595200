import { property } from '../../runtime/property.ts';
import { isKind, type SpanKindName } from '../../span/span-kind.ts';
import type { Conditions } from '../policies/rule-conditions.ts';

/** What a collector responded, checked. */
export interface RemoteSettings {
  /** Of operations that are not named. */
  readonly probability: number;
  /** This process' part of the error traces that are wanted of an operation whose errors rise. */
  readonly errorTracesPerSecond: number;
  readonly operations: readonly RemoteOperation[];
  /** Decide before operations do. */
  readonly rules: readonly RemoteRule[];
}

export interface RemoteOperation {
  readonly name: string;
  readonly kind: number;
  readonly probability: number;
  /** This process' even part of the traces a second that are wanted; 0 where the collector does not say. */
  readonly tracesPerSecond: number;
}

export interface RemoteRule {
  readonly conditions: Conditions;
  readonly probability: number;
}

const OPERATIONS_MAX = 2000;
const RULES_MAX = 100;
const RULE_CONDITIONS = ['name', 'kind', 'method', 'route', 'path'] as const;

/** The settings of a response, or in words why it is rejected: all of it counts, or nothing. */
export function readRemoteSettings(body: Uint8Array): RemoteSettings | string {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return 'not valid JSON';
  }
  const probability = property(answer, 'probability');
  if (!isProbability(probability)) return 'probability must be a number from 0 to 1';
  const errorTracesPerSecond = property(answer, 'errorTracesPerSecond') ?? 0;
  if (typeof errorTracesPerSecond !== 'number' || !(errorTracesPerSecond >= 0)) {
    return 'errorTracesPerSecond must be a number ≥ 0';
  }
  const operations = listOf(property(answer, 'operations'), OPERATIONS_MAX, readOperation);
  if (operations === undefined) {
    return `operations must be an array of at most ${OPERATIONS_MAX}, each with name, kind, and probability from 0 to 1`;
  }
  const rules = listOf(property(answer, 'rules'), RULES_MAX, readRule);
  if (rules === undefined) {
    return `rules must be an array of at most ${RULES_MAX}, each with conditions that are strings, and probability from 0 to 1`;
  }
  return { probability, errorTracesPerSecond, operations, rules };
}

function listOf<T>(given: unknown, max: number, read: (item: unknown) => T | undefined): T[] | undefined {
  if (given === undefined) return [];
  if (!Array.isArray(given) || given.length > max) return undefined;
  const items: T[] = [];
  for (const item of given as readonly unknown[]) {
    const one = read(item);
    if (one === undefined) return undefined;
    items.push(one);
  }
  return items;
}

function readOperation(given: unknown): RemoteOperation | undefined {
  const name = property(given, 'name');
  const kind = property(given, 'kind');
  const probability = property(given, 'probability');
  const tracesPerSecond = property(given, 'tracesPerSecond') ?? 0;
  if (typeof name !== 'string' || !isKind(kind) || !isProbability(probability)) return undefined;
  if (typeof tracesPerSecond !== 'number' || !(tracesPerSecond >= 0)) return undefined;
  return { name, kind, probability, tracesPerSecond };
}

function readRule(given: unknown): RemoteRule | undefined {
  const probability = property(given, 'probability');
  if (!isProbability(probability)) return undefined;
  const conditions: Partial<Record<(typeof RULE_CONDITIONS)[number], string>> = {};
  for (const condition of RULE_CONDITIONS) {
    const value = property(given, condition);
    if (value === undefined) continue;
    if (typeof value !== 'string') return undefined;
    conditions[condition] = value;
  }
  if (Object.keys(conditions).length === 0) return undefined;
  return { conditions: conditions as Conditions & { kind?: SpanKindName }, probability };
}

function isProbability(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}
