import { EngineError } from '../storage/engine.ts';
import { dayOf, plusDays } from '../storage/utc-day.ts';
import type { Journal } from './journal.ts';
import type { Pace } from './pace.ts';
import { patiently } from './patiently.ts';
import { halvesOf, slicesOf, type SecondOfSpans, type Slice } from './slices.ts';
import type { Source } from './source.ts';
import type { Target } from './target.ts';

export interface MoveOptions {
  readonly source: Pick<Source, 'days' | 'secondsOf' | 'idsBySecond' | 'countIds' | 'write'>;
  readonly journal: Journal;
  /** What the target keeps, in whole days; older days are left out. */
  readonly retentionDays: number;
  /** How many spans are moved together, at most, but for those of a second that cannot be parted. */
  readonly pieceSpansMax: number;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly nowMs?: number;
}

export interface MoveInto extends MoveOptions {
  readonly target: Pick<
    Target,
    'idsBySecond' | 'countIds' | 'read' | 'insert' | 'nextArrival' | 'giveBackArrival' | 'patiently'
  >;
  readonly pace: Pace;
  readonly onProgress: (progress: Progress) => void;
}

export interface Progress {
  /** `YYYY-MM-DD`. */
  readonly day: string;
  readonly doing: 'copying' | 'verifying';
  /** Of the day, moved by this run or an earlier one. */
  readonly daySpans: number;
  readonly dayTotal: number;
  /** That this run has inserted. */
  readonly inserted: number;
  /** Behind this one. */
  readonly daysLeft: number;
}

/** What became of a day. */
export interface MovedDay {
  readonly day: string;
  /** That the source holds. */
  readonly spans: number;
  /** Of these, those that this run has inserted. */
  readonly inserted: number;
  /** Of these, those that the target lacks, by their ids. */
  readonly missing: number;
  /** That the target has with the ids of these beyond them, as of a span that was sent to both. */
  readonly more: number;
}

/** A day that the target would drop. */
export interface OldDay {
  readonly day: string;
  readonly spans: number;
}

export interface MoveReport {
  readonly days: readonly MovedDay[];
  readonly tooOld: readonly OldDay[];
}

/** What a run would do. */
export interface MovePlan {
  readonly days: readonly { readonly day: string; readonly spans: number; readonly toMove: number }[];
  readonly tooOld: readonly OldDay[];
}

/** The engine is started again when it has died. A snapshot that is gone stays so. */
const SOURCE_ATTEMPTS_MAX = 5;

/** Counts what would be moved, by the source and the journal alone. Rejects with `EngineError`. */
export async function planMove(options: MoveOptions): Promise<MovePlan> {
  const { source, journal, pieceSpansMax } = options;
  const { kept, tooOld } = await daysOf(options);
  const days: MovePlan['days'][number][] = [];
  for (const { day } of kept) {
    let spans = 0;
    let toMove = 0;
    for (const slice of slicesOf(day, await source.secondsOf(day), pieceSpansMax)) {
      spans += slice.spans;
      if (!journal.isDone(slice)) toMove += slice.spans;
    }
    days.push({ day, spans, toMove });
  }
  return { days, tooOld };
}

/**
 * Moves what is not moved yet, the newest day first, and then counts by ids, day by day, whether the target has
 * everything. Rejects with `EngineError`, with what the file system says, or with the signal's reason: a later run goes
 * on there.
 */
export async function moveSpans(options: MoveInto): Promise<MoveReport> {
  const { kept, tooOld } = await daysOf(options);
  const days: MovedDay[] = [];
  const inserted = new Map<string, number>();
  const soFar = (): number => [...inserted.values()].reduce((sum, spans) => sum + spans, 0);
  for (const [index, { day }] of kept.entries()) {
    const daysLeft = kept.length - index - 1;
    await moveDay(options, day, (spans, ofDay) => {
      inserted.set(day, (inserted.get(day) ?? 0) + spans);
      options.onProgress({ ...ofDay, day, doing: 'copying', inserted: soFar(), daysLeft });
    });
  }
  for (const [index, { day, spans }] of kept.entries()) {
    const daysLeft = kept.length - index - 1;
    options.onProgress({ day, doing: 'verifying', daySpans: 0, dayTotal: spans, inserted: soFar(), daysLeft });
    days.push({ day, inserted: inserted.get(day) ?? 0, ...(await verifyDay(options, day)) });
  }
  return { days, tooOld };
}

async function daysOf({ source, retentionDays, signal, nowMs = Date.now() }: MoveOptions): Promise<{
  readonly kept: readonly OldDay[];
  readonly tooOld: readonly OldDay[];
}> {
  const days = await patiently(() => source.days(), { signal, attemptsMax: SOURCE_ATTEMPTS_MAX });
  const firstKept = plusDays(dayOf(nowMs), -retentionDays);
  return { kept: days.filter(({ day }) => day >= firstKept), tooOld: days.filter(({ day }) => day < firstKept) };
}

async function moveDay(
  options: MoveInto,
  day: string,
  onMoved: (inserted: number, ofDay: Pick<Progress, 'daySpans' | 'dayTotal'>) => void,
): Promise<void> {
  const { source, target, journal, pieceSpansMax, pace, signal } = options;
  const seconds = await ofSource(options, () => source.secondsOf(day));
  const dayTotal = spansOf(seconds);
  const slices = [...slicesOf(day, seconds, pieceSpansMax)];
  const open = slices.filter((slice) => !journal.isDone(slice));
  let daySpans = dayTotal - open.reduce((sum, { spans }) => sum + spans, 0);
  if (open.length === 0) return;
  // Only what was there before may be ours: nobody else stores what is moved.
  const held = (await target.patiently(() => target.idsBySecond(day))).map(({ second }) => second).toSorted(ascending);
  let at = 0;
  for (const slice of open) {
    while ((held[at] ?? Infinity) < slice.from) at += 1;
    const isHeld = (held[at] ?? Infinity) < slice.from + slice.seconds;
    const inserted = await moveSlice(options, slice, isHeld);
    await journal.done(slice);
    daySpans = Math.min(dayTotal, daySpans + slice.spans);
    onMoved(inserted, { daySpans, dayTotal });
    await pace.keep(inserted, signal);
  }
}

/** Returns how many spans were inserted. `isHeld`: whether the target may have some of them. */
async function moveSlice(options: MoveInto, slice: Slice, isHeld: boolean): Promise<number> {
  const { source, target } = options;
  let mayBeHeld = isHeld;
  return await inHalves(
    slice,
    async () => {
      const stored = mayBeHeld ? await target.patiently(() => target.read(slice)) : null;
      const arrival = target.nextArrival();
      try {
        const { path, spans } = await ofSource(options, () => source.write(slice, arrival, stored));
        // One shard may take its part where another one finds its own too large.
        mayBeHeld = true;
        if (spans > 0) await target.insert(path, arrival);
        return spans;
      } finally {
        target.giveBackArrival();
      }
    },
    (half) => moveSlice(options, half, mayBeHeld),
  );
}

/** Does it for both halves where it is too much for one statement; of a slice that cannot be halved it rejects. */
async function inHalves(
  slice: Slice,
  work: () => Promise<number>,
  ofHalf: (half: Slice) => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const halves = halvesOf(slice);
    if (!(error instanceof EngineError) || error.code !== 'too_large' || halves === null) throw error;
    return (await ofHalf(halves[0])) + (await ofHalf(halves[1]));
  }
}

/** What is missing by ids is moved by the next run. */
async function verifyDay(options: MoveInto, day: string): Promise<Pick<MovedDay, 'spans' | 'missing' | 'more'>> {
  const { source, target, journal, pieceSpansMax } = options;
  const expected = await ofSource(options, () => source.idsBySecond(day));
  const found = new Map(
    (await target.patiently(() => target.idsBySecond(day))).map((second) => [second.second, second]),
  );
  const isOther = (second: SecondOfSpans): boolean => {
    const there = found.get(second.second);
    return there?.spans !== second.spans || there.digest !== second.digest;
  };
  const others = expected.filter(isOther).map(({ second }) => second);
  // Cut by all of the day: a slice of few other seconds would hold all spans between them.
  const most = expected.map((second) => {
    return { ...second, spans: Math.max(second.spans, found.get(second.second)?.spans ?? 0) };
  });
  const short: Slice[] = [];
  let [missing, more] = [0, 0];
  let next = 0;
  for (const slice of slicesOf(day, most, pieceSpansMax)) {
    while (next < others.length && others[next]! < slice.from) next++;
    if (next === others.length || others[next]! >= slice.from + slice.seconds) continue;
    const counted = await compare(options, slice);
    if (counted.missing > 0) short.push(slice);
    missing += counted.missing;
    more += counted.more;
  }
  if (missing > 0) {
    const seconds = await ofSource(options, () => source.secondsOf(day));
    for (const slice of slicesOf(day, seconds, pieceSpansMax)) {
      const isShort = short.some(
        ({ from, seconds: length }) => from < slice.from + slice.seconds && slice.from < from + length,
      );
      if (isShort) await journal.again(slice);
    }
  }
  return { spans: spansOf(expected), missing, more };
}

async function compare(options: MoveInto, slice: Slice): Promise<{ missing: number; more: number }> {
  const { source, target } = options;
  let more = 0;
  const missingIn = async (part: Slice): Promise<number> =>
    await inHalves(
      part,
      async () => {
        const expected = await ofSource(options, () => source.countIds(part));
        const found = await target.patiently(() => target.countIds(part));
        let missing = 0;
        for (const [id, spans] of expected) {
          const there = found.get(id) ?? 0;
          missing += Math.max(0, spans - there);
          more += Math.max(0, there - spans);
        }
        return missing;
      },
      missingIn,
    );
  return { missing: await missingIn(slice), more };
}

async function ofSource<T>({ signal }: MoveOptions, work: () => Promise<T>): Promise<T> {
  return await patiently(work, { signal, attemptsMax: SOURCE_ATTEMPTS_MAX });
}

function ascending(a: number, b: number): number {
  return a - b;
}

function spansOf(seconds: readonly SecondOfSpans[]): number {
  return seconds.reduce((sum, { spans }) => sum + spans, 0);
}
