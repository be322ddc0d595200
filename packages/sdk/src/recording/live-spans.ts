import type { Diagnostics } from '../runtime/diagnostics.ts';
import { quoted } from '../runtime/shown.ts';
import type { RecordingSpan } from '../span/recording-span.ts';
import type { TracerCounters } from '../runtime/tracer-stats.ts';

export interface LiveSpansOptions {
  /** Live spans above which a new one is not recorded. */
  readonly liveSpanLimit: number;
  /** Whether every span is watched, and one that is collected without `end()` reported with where it started. */
  readonly reportUnended: boolean;
  readonly counters: TracerCounters;
  readonly diagnostics: Diagnostics;
}

const STACK_FRAMES = 12;

/** What is known of a span once it is gone. */
interface WatchedSpan {
  readonly name: string;
  readonly startedAt: string | undefined;
}

/** Places in the application that are named in warnings; a leak repeats, and one line for each place is enough. */
const REPORTED_PLACES_MAX = 100;

/**
 * Bounds the spans that have started and not ended. Watching a span costs more than recording it, so in production only
 * those are watched that start while many live already: those that the application has forgotten then give their places
 * back.
 */
export class LiveSpans {
  /** The number of live spans from which on `start` has to be called. */
  readonly watchFrom: number;
  readonly #options: LiveSpansOptions;
  readonly #registry: FinalizationRegistry<WatchedSpan>;
  readonly #reported = new Set<string>();

  constructor(options: LiveSpansOptions) {
    this.#options = options;
    this.watchFrom = options.reportUnended ? 0 : Math.floor(options.liveSpanLimit / 8);
    this.#registry = new FinalizationRegistry((span) => this.#collected(span));
  }

  /** Whether there is room for one more; if not, it counts as dropped. */
  hasRoom(): boolean {
    const { counters, diagnostics, liveSpanLimit } = this.#options;
    if (counters.live < liveSpanLimit) {
      // Well below the limit, or the log would get a line for each span that ends at it.
      if (counters.live < liveSpanLimit / 2) {
        diagnostics.state('live spans', 'ok', `live spans down to ${counters.live}: new spans are recorded again`);
      }
      return true;
    }
    counters.dropped.limit++;
    const line = `live span limit reached (${liveSpanLimit} not ended): new spans are not recorded; end every span, or raise limits.liveSpanLimit`;
    diagnostics.state('live spans', 'full', line);
    return false;
  }

  watch(span: RecordingSpan): void {
    const startedAt = this.#options.reportUnended ? placeOfCaller() : undefined;
    this.#registry.register(span, { name: span.name, startedAt }, span);
  }

  ended(span: RecordingSpan): void {
    this.#registry.unregister(span);
  }

  #collected({ name, startedAt }: WatchedSpan): void {
    const { counters, diagnostics } = this.#options;
    counters.live--;
    counters.unended++;
    if (startedAt === undefined || this.#reported.has(startedAt) || this.#reported.size === REPORTED_PLACES_MAX) return;
    this.#reported.add(startedAt);
    diagnostics.warn(`span ${quoted(name)} was never ended: it was started ${startedAt}`);
  }
}

/**
 * Where this package's files are, as its own stack says it: loaders that know no `import.meta` (Jest's, some bundlers')
 * run it as well. `undefined` in a bundle, which mixes them with the application's.
 */
const OWN_FILES = /(?:file:\/\/)?\/[^()]*\/sdk\/(?:src|dist)\//.exec(stackFrames()[0] ?? '')?.[0];
/** In a bundle no file name shows whose a frame is; at least so many are ours. */
const OWN_FRAMES = 5;
const BUNDLED_FRAMES_SHOWN = 4;

/** The first frame of the stack outside of this package and of OpenTelemetry's API. */
function placeOfCaller(): string {
  const frames = stackFrames();
  if (OWN_FILES === undefined) {
    const shown = frames.slice(OWN_FRAMES, OWN_FRAMES + BUNDLED_FRAMES_SHOWN);
    return shown.map((frame) => frame.trim()).join(' ');
  }
  return frames.find((frame) => !isOwnFrame(frame))?.trim() ?? 'at an unknown place';
}

/** The lines of a stack; none where the application formats stacks in a way of its own. Never throws. */
function stackFrames(): string[] {
  try {
    return String(withStackTraceLimit(() => new Error('started')).stack)
      .split('\n')
      .slice(1);
  } catch {
    return [];
  }
}

function withStackTraceLimit(make: () => Error): Error {
  // It cannot be written where intrinsics are frozen.
  if (Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable !== true) return make();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_FRAMES;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function isOwnFrame(frame: string): boolean {
  return (
    (OWN_FILES !== undefined && frame.includes(OWN_FILES) && !frame.includes('.test.')) ||
    frame.includes('@opentelemetry/api')
  );
}
