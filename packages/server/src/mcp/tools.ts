import { Type, type Static, type TSchema } from '@sinclair/typebox';
import { writeTag } from '@throughline/trace/client';
import type { AttributesResponse, AttributeValuesResponse } from '@throughline/trace/client';
import { MILLISECONDS_ACCEPTED, parseMilliseconds, parseWhen, WHEN_ACCEPTED } from '../http/parse-when.ts';
import { JsonChecker, notAccepted } from '../schema/json-checker.ts';
import { closed, described, members, oneOf } from '../schema/json-schema.ts';
import { unknown, type RouteAsker } from './route-asker.ts';
import { ToolProblem } from './tool-problem.ts';

/** Something that an agent may ask. */
export interface Tool {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** For the agent. */
  readonly description: string;
  readonly inputSchema: TSchema;
  /** Returns the answer as Markdown. Rejects with `ToolProblem` or with the `Problem` of a route. */
  call(given: unknown, asker: RouteAsker, nowMs: number): Promise<string>;
}

interface ToolDefinition<S extends TSchema> extends Omit<Tool, 'call'> {
  readonly inputSchema: S;
  readonly answer: (given: Static<S>, asker: RouteAsker, nowMs: number) => Promise<string>;
}

function tool<S extends TSchema>({ answer, ...shown }: ToolDefinition<S>): Tool {
  const checker = new JsonChecker(shown.inputSchema);
  return {
    ...shown,
    call: async (given, asker, nowMs) => {
      const filled = withoutEmpty(given);
      if (checker.fits(filled)) return answer(filled, asker, nowMs);
      throw new ToolProblem(checker.explain(filled, 'the arguments'));
    },
  };
}

/** Language models fill in what they leave out. */
function withoutEmpty(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '' && value !== null));
}

const optional = (description: string) => Type.Optional(Type.String({ description }));
const moment = (description: string) => optional(`${description}.`);
/** Said once for all times of a tool: an agent pays for each word. */
const TIMES = 'Times: `15m ago`, `2h`, `now`, RFC 3339 (`2026-11-23T05:00:00Z`) or nanoseconds since 1970';
const limit = (most: number, usual: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: most, default: usual, description: `At most so many; ${usual}.` }));
const traceId = (description: string) => Type.String({ description });

const SEARCH_LIMIT = 5;
const CHANGES_LIMIT = 5;
const COMPARE_ROWS = 20;
const ATTRIBUTES_LIMIT = 20;

const baseline = {
  baselineFrom: moment('Begin of the time to compare with; 24 hours before its end'),
  baselineTo: moment('End of the time to compare with; `from`'),
};

/** The six tools. */
export function agentTools(): Tool[] {
  return [
    tool({
      name: 'changes',
      title: 'What has changed',
      description:
        'What differs between a time (by default the last hour) and the time before it: operations that are slower or fail ' +
        'more often, that are new or gone, new versions; and the likeliest cause, with trace IDs as evidence. Begin here ' +
        'when it is not known what is wrong.',
      inputSchema: closed({
        from: moment(`Begin of the time; an hour before \`to\`. ${TIMES}`),
        to: moment('Its end; now'),
        ...baseline,
        service: optional('Only changes of this service.'),
        limit: limit(100, CHANGES_LIMIT),
      }),
      answer: async ({ service, limit: most = CHANGES_LIMIT, ...times }, asker, nowMs) => {
        if (service !== undefined) await asker.expectService(service);
        return asker.markdown('listChanges', { query: { ...momentsOf(times, nowMs), service, limit: most } });
      },
    }),
    tool({
      name: 'explain',
      title: 'Which service is the cause',
      description:
        'Compares an incident with a time when all was well, and names the service that is the likeliest cause, with ' +
        'evidence; or says that the evidence is not enough. Use it when it is known since when something is wrong.',
      inputSchema: closed({
        from: Type.String({ description: `Begin of the incident. ${TIMES}.` }),
        to: moment('Its end; now'),
        ...baseline,
      }),
      answer: (times, asker, nowMs) => {
        const { from = '', to, baselineFrom, baselineTo } = momentsOf(times, nowMs);
        const baselineEnd = baselineTo ?? from;
        const body = {
          incident: { fromUnixNano: from, toUnixNano: to ?? unixNanoOf(nowMs) },
          baseline: { fromUnixNano: baselineFrom ?? dayBefore(baselineEnd), toUnixNano: baselineEnd },
        };
        return asker.markdown('explainIncident', { body });
      },
    }),
    tool({
      name: 'search',
      title: 'Find traces',
      description:
        'Finds traces, newest first: ID, age, duration, ✖ if something failed, and what happened in one line. Service, ' +
        'operation, status and attributes hold for one and the same span, durations for the whole trace. Read a trace with `story`.',
      inputSchema: closed({
        service: optional('Name of a service. `attributes` with `key` = `service.name` lists them.'),
        operation: optional('Name of a span, such as `GET /cart`.'),
        status: Type.Optional(
          described(oneOf(['error', 'ok', 'unset']), 'Status of the span; `error` finds failures.'),
        ),
        attributes: Type.Optional(
          members(Type.String(), 'Attributes of the span, or of its resource: `{"http.route": "/cart"}`. At most 20.'),
        ),
        minDuration: optional('The trace took at least this long: `250ms`, `1.5s`, `2m`.'),
        maxDuration: optional('… at most this long.'),
        from: moment(`Begin of the time to search; all that is stored. ${TIMES}`),
        to: moment('Its end; now'),
        limit: limit(50, SEARCH_LIMIT),
      }),
      answer: async (given, asker, nowMs) => {
        const { service, operation, status, attributes = {}, minDuration, maxDuration, from, to } = given;
        const text = await asker.markdown('searchTraces', {
          query: {
            ...momentsOf({ from, to }, nowMs),
            service,
            operation,
            status,
            tag: Object.entries(attributes).map(([key, value]) => writeTag({ key, value })),
            minDurationMs: durationOf('minDuration', minDuration),
            maxDurationMs: durationOf('maxDuration', maxDuration),
            limit: given.limit ?? SEARCH_LIMIT,
          },
        });
        if (hasItems(text)) return text;
        if (service !== undefined) {
          await asker.expectService(service);
          if (operation !== undefined) await asker.expectOperation(service, operation);
        }
        return text + (await unknownKeys(Object.keys(attributes), asker));
      },
    }),
    tool({
      name: 'story',
      title: 'Why a trace went as it did',
      description:
        'What happened in one trace: a headline with the cause, then where its time went and what failed, with span IDs ' +
        'as evidence, and a link for people.',
      inputSchema: closed({
        traceId: traceId('The ID of a trace, in any form, also a whole `traceparent`.'),
        spans: Type.Optional(
          Type.Integer({ minimum: 0, maximum: 20, default: 1, description: 'Span IDs for each sentence; 1.' }),
        ),
      }),
      answer: ({ traceId: id, spans = 1 }, asker) =>
        asker.markdown('getStory', { path: { traceId: id }, query: { spans } }),
    }),
    tool({
      name: 'compare',
      title: 'Compare two traces',
      description:
        'What sets a trace apart from another one of its kind, or from the typical one of the day before: calls that only ' +
        'one makes, that take longer, are made more often or fail.',
      inputSchema: closed({
        traceId: traceId('The trace that is looked into.'),
        with: optional('The ID of the one to compare it with; the typical one.'),
        rows: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 200, default: COMPARE_ROWS, description: `Rows; ${COMPARE_ROWS}.` }),
        ),
      }),
      answer: ({ traceId: id, with: other = 'typical', rows = COMPARE_ROWS }, asker) =>
        asker.markdown('compareTraces', { path: { traceId: id }, query: { with: other, rows } }),
    }),
    tool({
      name: 'attributes',
      title: 'What can be searched for',
      description:
        'Without `key`: keys of attributes that spans have. With `key`: its values, the most frequent first. The key ' +
        '`service.name` lists the services.',
      inputSchema: closed({
        key: optional('A key, such as `http.route`.'),
        prefix: optional('Only keys, or values, that begin so.'),
        from: moment(`Only of days from here; all. ${TIMES}`),
        to: moment('… to here'),
        limit: limit(200, ATTRIBUTES_LIMIT),
      }),
      answer: async ({ key, prefix, from, to, limit: most = ATTRIBUTES_LIMIT }, asker, nowMs) => {
        const query = { ...momentsOf({ from, to }, nowMs), prefix, limit: most };
        if (key === undefined) return asker.markdown('listAttributes', { query });
        const text = await asker.markdown('listAttributeValues', { query: { ...query, key } });
        if (hasItems(text)) return text;
        const { values } = await asker.json<AttributeValuesResponse>('listAttributeValues', {
          query: { key, limit: 1 },
        });
        if (values.length > 0) return text;
        throw new ToolProblem(unknown('attribute', key, await keysOf(asker)));
      },
    }),
  ];
}

const DAY_NS = 86_400_000_000_000n;

function unixNanoOf(nowMs: number): string {
  return String(BigInt(nowMs) * 1_000_000n);
}

function dayBefore(unixNano: string): string {
  const ns = BigInt(unixNano);
  return String(ns > DAY_NS ? ns - DAY_NS : 0n);
}

/** Times in nanoseconds as digits; those that are not given are left out. Throws `ToolProblem`. */
function momentsOf<K extends string>(
  times: Readonly<Partial<Record<K, string | undefined>>>,
  nowMs: number,
): Partial<Record<K, string>> {
  const moments: Partial<Record<K, string>> = {};
  for (const [name, text] of Object.entries(times) as [K, string | undefined][]) {
    if (text === undefined) continue;
    const ns = parseWhen(text, nowMs);
    if (ns === null) throw new ToolProblem(notAccepted(name, text, WHEN_ACCEPTED));
    moments[name] = String(ns);
  }
  return moments;
}

function durationOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const milliseconds = parseMilliseconds(text);
  if (milliseconds === null) throw new ToolProblem(notAccepted(name, text, MILLISECONDS_ACCEPTED));
  return milliseconds;
}

/** Whether a report lists anything. */
function hasItems(text: string): boolean {
  return text.includes('\n- ');
}

/** Keys are counted some time after their spans are stored: one that is unknown may be new. */
async function unknownKeys(keys: readonly string[], asker: RouteAsker): Promise<string> {
  if (keys.length === 0) return '';
  const known = await keysOf(asker);
  const missing = keys.filter((key) => !known.includes(key));
  return missing.map((key) => `\n${unknown('attribute', key, known)}\n`).join('');
}

const KEYS_MAX = 1_000;

async function keysOf(asker: RouteAsker): Promise<string[]> {
  const { attributes } = await asker.json<AttributesResponse>('listAttributes', { query: { limit: KEYS_MAX } });
  return attributes.map(({ key }) => key);
}
