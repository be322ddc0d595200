import { isMap, isScalar, LineCounter, parseDocument, type YAMLParseError } from 'yaml';
import { readChannel } from './read-channel.ts';
import {
  KINDS,
  NO_DATA,
  SEVERITIES,
  WATCHES,
  type AlertRule,
  type AlertRules,
  type Channel,
  type Kind,
  type Limit,
  type Selection,
  type Watch,
} from './rule.ts';
import {
  anyText,
  CHANNEL_NAME,
  duration,
  line,
  MOMENT,
  number,
  oneOf,
  QUANTILE,
  RATE,
  SHARE,
  WEB_ADDRESS,
} from './text-rules.ts';
import { YamlFields, type Problems, type TextRule } from './yaml-fields.ts';

/** A file of alerts that is not accepted; each problem is one line for people, with its place in the file. */
export class AlertRulesError extends Error {
  override readonly name = 'AlertRulesError';
  readonly code = 'invalid_alerts';
  readonly problems: readonly string[];

  /** `problems`: one or more. */
  constructor(problems: readonly string[]) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more: "throughline alerts check" lists them)` : '';
    super(`${problems[0] ?? ''}${more}`);
    this.problems = problems;
  }
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const CHANNELS_MAX = 50;
const NOTIFY_MAX = 20;
const ATTRIBUTES_MAX = 10;
const LINKS_MAX = 10;
const NAME_CHARACTERS_MAX = 100;
/** Of a name of a span; a longer one is not counted by itself. */
const SPAN_NAME_CHARACTERS_MAX = 4_096;
/** More lines than this help nobody. */
const PROBLEMS_MAX = 100;

const NAME = line(NAME_CHARACTERS_MAX, 'a name');
const WINDOW = duration(MINUTE_MS, DAY_MS, MINUTE_MS);
/** With less there are too few traces to compare. */
const UNUSUAL_WINDOW = duration(3 * MINUTE_MS, DAY_MS / 4, MINUTE_MS);
const LATENCY = duration(0.01, DAY_MS);
/** Never so few that chance alone fires. */
const MIN_REQUESTS = number(5, 1_000_000_000, true);
const CONFIDENCE = number(0.8, 0.99999);
const WAIT = duration(0, DAY_MS);

interface Defaults {
  readonly windowMs: number;
  readonly forMs: number;
  readonly baselineMs: number;
  readonly confidence: number;
  readonly minRequests: number;
  readonly quantile: number;
  readonly repeatEveryMs: number;
  readonly severity: AlertRule['severity'];
  readonly notify: readonly string[];
}

const DEFAULTS: Defaults = {
  windowMs: 5 * MINUTE_MS,
  forMs: 2 * MINUTE_MS,
  baselineMs: DAY_MS,
  confidence: 0.99,
  minRequests: 20,
  quantile: 0.95,
  repeatEveryMs: 0,
  severity: 'warning',
  notify: [],
};

/**
 * Reads a file of rules and channels. Throws `AlertRulesError` with everything that is wrong. `path` only names the
 * file in messages; `rulesMax`: how many rules it may have.
 */
export function parseAlertRules(content: string, path: string, rulesMax: number): AlertRules {
  const lines = new LineCounter();
  // Without a schema of YAML's own every scalar is the text that was written.
  const document = parseDocument(content, { lineCounter: lines, schema: 'failsafe', prettyErrors: false });
  const at = (offset: number): string => {
    const { line: lineNumber, col } = lines.linePos(offset);
    return `${path}:${lineNumber}:${col}`;
  };
  const found: string[] = [];
  const problems: Problems = {
    placeOf: (node) => at(node.range?.[0] ?? 0),
    note: (where, message) => {
      if (found.length < PROBLEMS_MAX) found.push(`${where}: ${message}`);
    },
  };
  for (const error of document.errors) problems.note(at(error.pos[0]), shownError(error));
  const root = document.contents;
  if (found.length === 0 && root !== null && !isMap(root) && !(isScalar(root) && root.value === '')) {
    problems.note(problems.placeOf(root), 'expected "rules:" and "channels:"');
  }
  const read =
    found.length === 0 && isMap(root) ? readRoot(new YamlFields(root, 'the file', problems), problems, rulesMax) : null;
  if (found.length > 0) throw new AlertRulesError(found);
  return Object.freeze(read ?? { rules: [], channels: [] });
}

/** Without what the parser quotes of the file, which may be a secret. */
function shownError({ code, message }: YAMLParseError): string {
  if (code === 'TAG_RESOLVE_FAILED' || code === 'BAD_COLLECTION_TYPE') return 'this tag cannot be used; leave it out';
  return message
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/^(.*?\w): .*$/, '$1');
}

function readRoot(fields: YamlFields, problems: Problems, rulesMax: number): AlertRules {
  const channels = readChannels(fields.map('channels', 'channels'));
  const defaults = readDefaults(fields.map('defaults', 'defaults'), channels);
  const items = fields.sequence('rules') ?? [];
  fields.end();
  if (items.length > rulesMax) {
    fields.wrong('rules', `has ${items.length} rules, expected at most ${rulesMax} (alerts.rulesMax)`);
    return { rules: [], channels };
  }
  const rules: AlertRule[] = [];
  for (const [index, item] of items.entries()) {
    if (!isMap(item)) {
      problems.note(
        problems.placeOf(item),
        `rules[${index}]: expected a rule, such as "name: …" and "watch: errors" below it`,
      );
      continue;
    }
    const named = nameIn(item);
    const rule = readRule(
      new YamlFields(item, named === null ? `rules[${index}]` : `rule ${JSON.stringify(named)}`, problems),
      channels,
      defaults,
    );
    if (rule === null) continue;
    if (rules.some(({ name }) => name === rule.name)) {
      problems.note(problems.placeOf(item), `rule ${JSON.stringify(rule.name)}: another rule has this name`);
    }
    rules.push(rule);
  }
  return { rules, channels };
}

/** For messages; a name that is not accepted is none. */
function nameIn(item: { get(key: string): unknown }): string | null {
  const name = item.get('name');
  return typeof name === 'string' ? (NAME.parse(name) ?? null) : null;
}

function readChannels(fields: YamlFields | undefined): Channel[] {
  if (fields === undefined) return [];
  const names = fields.names;
  if (names.length > CHANNELS_MAX) {
    fields.wrong(names[CHANNELS_MAX] ?? '', `there are ${names.length} channels, expected at most ${CHANNELS_MAX}`);
  }
  return names.slice(0, CHANNELS_MAX).flatMap((name) => {
    if (!CHANNEL_NAME.test(name)) {
      fields.wrong(name, 'expected a name of 1 to 64 letters, digits and the characters _ . -');
      return [];
    }
    if (!fields.isMap(name)) {
      fields.wrong(name, 'expected a channel, such as "type: webhook" and "url: …" below it');
      return [];
    }
    const channel = readChannel(name, fields.map(name, `channels.${name}`)!);
    return channel === null ? [] : [channel];
  });
}

function readDefaults(fields: YamlFields | undefined, channels: readonly Channel[]): Defaults {
  if (fields === undefined) return DEFAULTS;
  const read = {
    ...DEFAULTS,
    ...withoutUndefined({
      severity: fields.text('severity', oneOf(SEVERITIES)),
      forMs: fields.text('for', WAIT),
      confidence: fields.text('confidence', CONFIDENCE),
      minRequests: fields.text('minRequests', MIN_REQUESTS),
      repeatEveryMs: fields.text('repeatEvery', duration(0, 30 * DAY_MS)),
      notify: readNotify(fields, channels),
    }),
  };
  fields.end();
  return read;
}

function readNotify(fields: YamlFields, channels: readonly Channel[]): readonly string[] | undefined {
  const names = channels.map(({ name }) => name);
  return fields.list('notify', oneOfNames(names), NOTIFY_MAX);
}

function oneOfNames(names: readonly string[]): TextRule<string> {
  return {
    get accepted() {
      return names.length === 0 ? 'a channel, and there are none below "channels:"' : `one of ${names.join(', ')}`;
    },
    parse: (given) => names.find((name) => name === given.trim()),
  };
}

/** Null where something is wrong, which is noted. */
function readRule(fields: YamlFields, channels: readonly Channel[], defaults: Defaults): AlertRule | null {
  const name = fields.needed('name', NAME);
  const watch = fields.needed('watch', oneOf(WATCHES));
  const of = readSelection(fields, watch);
  const limit = readLimit(fields, watch);
  const isUnusual = watch === 'unusual';
  const quantile = fields.text('quantile', QUANTILE);
  if (quantile !== undefined && watch !== 'latency') fields.wrong('quantile', 'is for watch: latency alone');
  const baselineMs = fields.text('baseline', duration(10 * MINUTE_MS, 14 * DAY_MS, MINUTE_MS));
  if (baselineMs !== undefined && !isUnusual) fields.wrong('baseline', 'is for watch: unusual alone');
  const forMs = fields.text('for', WAIT) ?? defaults.forMs;
  const noData = fields.text('noData', oneOf(NO_DATA));
  const rule = {
    windowMs: fields.text('window', isUnusual ? UNUSUAL_WINDOW : WINDOW) ?? defaults.windowMs,
    forMs,
    resolveForMs: fields.text('resolveFor', WAIT) ?? forMs,
    confidence: fields.text('confidence', CONFIDENCE) ?? defaults.confidence,
    minRequests: fields.text('minRequests', MIN_REQUESTS) ?? defaults.minRequests,
    noData: noData ?? null,
    severity: fields.text('severity', oneOf(SEVERITIES)) ?? defaults.severity,
    notify: readNotify(fields, channels) ?? defaults.notify,
    repeatEveryMs: fields.text('repeatEvery', duration(0, 30 * DAY_MS)) ?? defaults.repeatEveryMs,
    silencedUntilMs: fields.text('silencedUntil', MOMENT) ?? null,
    description: fields.text('description', line(1_000)) ?? '',
    links: readLinks(fields.map('links')),
  };
  fields.end();
  if (name === undefined || watch === undefined || of === null || limit === undefined) return null;
  return Object.freeze({
    name,
    watch,
    of,
    limit,
    quantile: quantile ?? defaults.quantile,
    baselineMs: baselineMs ?? defaults.baselineMs,
    ...rule,
  });
}

function readSelection(fields: YamlFields, watch: Watch | undefined): Selection | null {
  const of = fields.map('of');
  if (of === undefined) {
    if (watch !== 'unusual' && !fields.has('of')) {
      fields.needed('of', { accepted: 'a selection such as {service: checkout}', parse: () => '' });
    }
    return watch === 'unusual' ? { service: null, operation: null, kind: null, attributes: [] } : null;
  }
  const isUnusual = watch === 'unusual';
  const named = anyText(SPAN_NAME_CHARACTERS_MAX);
  const service = isUnusual ? of.text('service', named) : of.needed('service', named);
  const operation = of.text('operation', named);
  const kind = of.text('kind', oneOf(Object.keys(KINDS) as Kind[]));
  const attributes = of.map('attributes');
  const tags = (attributes?.names ?? []).map((key) => ({ key, value: attributes?.text(key, anyText(1_000)) ?? '' }));
  attributes?.end();
  if (tags.length > ATTRIBUTES_MAX) {
    of.wrong('attributes', `has ${tags.length} attributes, expected at most ${ATTRIBUTES_MAX}`);
  }
  of.end();
  for (const key of ['operation', 'kind', 'attributes']) {
    if (isUnusual && of.has(key)) of.wrong(key, 'is not for watch: unusual, which looks at whole services');
  }
  if (service === undefined && !isUnusual) return null;
  return { service: service ?? null, operation: operation ?? null, kind: kind ?? null, attributes: tags };
}

/** Null for what has none; undefined where something is wrong. */
function readLimit(fields: YamlFields, watch: Watch | undefined): Limit | null | undefined {
  const [above, below] = (['above', 'below'] as const).map((direction) => fields.has(direction));
  const rule = watch === undefined || watch === 'unusual' ? null : LIMITS[watch];
  const values = (['above', 'below'] as const).map((direction) => fields.text(direction, rule ?? ANY));
  if (watch === undefined) return undefined;
  if (watch === 'unusual') {
    for (const direction of ['above', 'below'] as const) {
      if (fields.has(direction)) fields.wrong(direction, 'is not for watch: unusual, which knows what is usual');
    }
    return null;
  }
  if (above === true && below === true) {
    fields.wrong('below', 'expected above or below, not both');
    return undefined;
  }
  if (above === false && below === false) {
    fields.needed('above', { ...LIMITS[watch], accepted: `${LIMITS[watch].accepted}, or below` });
    return undefined;
  }
  const value = values[0] ?? values[1];
  return value === undefined ? undefined : { direction: above === true ? 'above' : 'below', value };
}

const ANY: TextRule<number> = { accepted: '', parse: () => 0 };
const LIMITS: Readonly<Record<Exclude<Watch, 'unusual'>, TextRule<number>>> = {
  rate: RATE,
  errors: SHARE,
  latency: {
    ...LATENCY,
    parse: (given) => {
      const ms = LATENCY.parse(given);
      return ms === undefined ? undefined : ms * 1_000_000;
    },
  },
};

function readLinks(fields: YamlFields | undefined): Record<string, string> {
  if (fields === undefined) return {};
  const links: Record<string, string> = {};
  for (const name of fields.names.slice(0, LINKS_MAX)) {
    const url = fields.text(name, WEB_ADDRESS);
    if (NAME.parse(name) === undefined) fields.wrong(name, `expected ${NAME.accepted}`);
    else if (url !== undefined) Object.defineProperty(links, name, { value: url, enumerable: true });
  }
  if (fields.names.length > LINKS_MAX) {
    fields.wrong(
      fields.names[LINKS_MAX] ?? '',
      `there are ${fields.names.length} links, expected at most ${LINKS_MAX}`,
    );
  } else fields.end();
  return links;
}

/** Without the members that are not given. */
function withoutUndefined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}
