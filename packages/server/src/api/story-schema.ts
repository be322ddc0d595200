import { Type } from '@sinclair/typebox';
import type { Story } from '@throughline/trace';
import { closed, count, decimal, described, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { responseSchema } from '../schema/response-schema.ts';

const spanId = Type.String({ description: '16 hexadecimal digits.' });
const spanIndex = Type.Number({ description: 'As `Story.rootIndex`.' });
const confidence = oneOf(['stated', 'inferred']);

const outcome = named(
  'StoryOutcome',
  described(
    oneOf(['failed', 'timed-out', 'cancelled', 'recovered', 'slow', 'ok']),
    '`failed`, `timed-out`, `cancelled`: what became of the root · `recovered`: something failed, and the root did ' +
      'not · `slow`: nothing failed, and the root took a second or more · `ok`: the others.',
  ),
);

const cause = named(
  'StoryCause',
  closed(
    {
      spanId,
      spanIndex,
      service: Type.String({
        description: "The span's service. For a callee that sends no spans it is the caller.",
      }),
      operation: Type.String({ description: "The span's name." }),
      kind: described(
        oneOf(['error', 'timeout', 'cancelled', 'time']),
        '`time`: it did not fail, and took most of the time.',
      ),
      confidence: described(
        confidence,
        '`stated`: a span says so. `inferred`: it follows from times or from the shape of the trace.',
      ),
      reason: Type.String({
        description:
          "In the words of the nearest span that has any, else the type or the status; '' where nothing is said.",
      }),
    },
    'The one span that decided the outcome: where a failure began, or what took most of the time.',
  ),
);

const pattern = named(
  'StoryPattern',
  closed(
    {
      kind: described(
        oneOf(['retry', 'n+1', 'sequential', 'polling', 'fan-out', 'recursion']),
        '`retry`: attempts at the same thing, of which all but maybe the last failed · `n+1`: ten like calls or more, ' +
          'one after another · `sequential`: fewer of them, or work that is no call · `polling`: like calls with ' +
          'longer pauses between · `fan-out`: like calls at the same time · `recursion`: spans that hold their like, ' +
          'ten deep or more.',
      ),
      service: Type.String(),
      operation: Type.String({ description: 'Of the first span.' }),
      spanCount: count(),
      failedSpans: count(),
      width: count({ description: 'How many ran at once at most.' }),
      durationNs: decimal('Of the spans together; of the outermost one in a recursion.'),
      pauseNs: decimal('Between the spans, together.'),
      firstSpanId: Type.String(),
      firstSpanIndex: Type.Number(),
      lastSpanId: Type.String({ description: 'The one that ended last: in a fan-out, the straggler.' }),
      lastSpanIndex: Type.Number(),
    },
    'A shape that three or more like spans have together, or two attempts of a retry.',
  ),
);

const summary = named(
  'StorySummary',
  closed(
    {
      outcome,
      operation: Type.String({
        description:
          'The operation that the trace is about, with its route: that of the first server where the root is a ' +
          'client span.',
      }),
      cause: nullable(
        cause,
        'What decided the outcome; null for `ok`, and where nothing took most of the time of a slow one.',
      ),
      shareOfTime: nullable(
        Type.Number(),
        "From 0 to 1: the share of the root's duration that the cause took on the critical path, or what took the " +
          'most of an `ok` one. Null where nothing did, and for a truncated trace.',
      ),
      patterns: Type.Array(pattern, { description: 'Those that took the most time first; at most 10.' }),
    },
    "The headline's facts for programs: what became of the root, and what decided it.",
  ),
);

const clause = named(
  'StoryClause',
  closed(
    {
      kind: described(
        oneOf([
          'total',
          'usual',
          'step',
          'stopped-waiting',
          'kept-running',
          'error',
          'handled',
          'surfaced',
          'cancelled',
          'repeated',
          'gap',
          'other-root',
          'clock',
          'missing',
        ]),
        '`total`: how long it took · `usual`: how long a span like it usually takes, where that is known · `step`: a share of the critical path (all steps add up to the total; a ' +
          'truncated trace has none) · `stopped-waiting`, `kept-running`: the two sides of a timeout, or of a ' +
          'cancellation · `error`: where a failure began · `handled`, `surfaced`: where it ended · `cancelled`: what ' +
          'was cancelled because of others · `repeated`: a pattern of many spans · `gap`: time without a child · ' +
          '`other-root`: a span without a parent beside the root · `clock`, `missing`: how far the trace can be ' +
          'trusted.',
      ),
      text: Type.String({ description: 'The whole sentence: `704 ms in transit web → files`.' }),
      label: Type.String({
        description:
          'The sentence without the time that it begins with: `in transit web → files`; the same as `text` where it ' +
          'begins with none.',
      }),
      spanIds: Type.Array(Type.String(), {
        description: 'The spans that are the evidence, in the order in which the text names them.',
      }),
      spanIndexes: Type.Array(Type.Number(), { description: 'The places of the same spans in the trace.' }),
      spanCount: count({ description: 'How many spans are the evidence.' }),
      durationNs: decimal('The time that the clause is about, in nanoseconds, as a decimal string.'),
    },
    'One sentence of a story, with the spans that it is about.',
  ),
);

const segment = named(
  'StorySegment',
  closed(
    {
      spanId,
      spanIndex,
      startTimeUnixNano: decimal('After the correction of clocks.'),
      durationNs: decimal('Never 0.'),
    },
    'Time on the critical path that a span took itself.',
  ),
);

const errorOrigin = named(
  'StoryErrorOrigin',
  closed(
    {
      spanId: Type.String(),
      spanIndex: Type.Number(),
      kind: oneOf(['error', 'timeout', 'cancelled']),
      confidence: described(
        confidence,
        '`stated`: a span says so. `inferred`: it follows from times alone, or the span that failed names no reason.',
      ),
      waiterSpanId: Type.Optional(
        Type.String({
          description: 'For a timeout or a cancellation: the span that stopped waiting, maybe the origin itself.',
        }),
      ),
      waiterIndex: Type.Optional(Type.Number()),
      overflowNs: Type.Optional(decimal('For a timeout: how long the origin went on after that.')),
      handled: Type.Boolean(),
      inBackground: Type.Boolean({
        description:
          'Whether it happened in work that nobody waited for; then nobody handled it, and it reached nobody.',
      }),
      handledBySpanId: Type.Optional(Type.String()),
      handledByIndex: Type.Optional(Type.Number()),
      surfacedSpanId: Type.String(),
      surfacedIndex: Type.Number(),
      type: Type.String({ description: "'' where the span does not say." }),
      message: Type.String(),
    },
    'Where a failure began.',
  ),
);

/** The types are those of `packages/trace`: the compiler holds the members equal, and a test what is said of them. */
export const storySchema = named(
  'Story',
  responseSchema<Story>()(
    closed(
      {
        traceId: Type.String(),
        headline: Type.String({
          description:
            "One sentence of at most 90 characters; '' where there is nothing to say that the name of the operation " +
            'does not.',
        }),
        summary: described(summary, 'What the headline says, in parts.'),
        clauses: Type.Array(clause, { description: 'In the order in which they are to be read.' }),
        rootSpanId: Type.String({
          description:
            "The span that the story is about: the root, or the longest part where none is received; '' for an empty " +
            'trace.',
        }),
        rootIndex: Type.Number({
          description:
            'Its place in the columns of the `Trace` that the story was made from, as every `…Index` here: spans ' +
            'that share an id have different places. -1 for an empty trace.',
        }),
        hasRoot: Type.Boolean({ description: 'False if no span without a parent has been received.' }),
        durationNs: decimal('The duration of that span.'),
        criticalPath: Type.Array(segment, {
          description: 'In the order of time; without omissions the durations add up to `durationNs`.',
        }),
        omittedCriticalSegments: count({ description: 'How many segments `criticalPath` lacks.' }),
        errorOrigins: Type.Array(errorOrigin, { description: 'In display order, as in `Trace`.' }),
        omittedErrorOrigins: count({ description: 'How many `errorOrigins` lacks.' }),
        spanCount: count({ description: 'How many spans the story is made from, without repeats.' }),
        spansInTrace: count({
          description: 'How many spans the trace has, as far as is known, with those that were not read.',
        }),
        truncated: Type.Boolean({
          description:
            "Whether the story is made from a part of the trace's spans only; then headline and clauses state it.",
        }),
        duplicateSpans: count({ description: 'Repeats of a span that were received and count once.' }),
      },
      'What happened in a trace, in words, with the spans that are the evidence of every word.',
    ),
  ),
);
