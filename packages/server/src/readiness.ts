import type { LoaderFailure, LoaderStatus } from './spool/loader.ts';
import type { SpoolStatus } from './spool/spool-status.ts';
import type { EngineState } from './storage/engine.ts';
import type { StoreNodes } from './storage/store-node.ts';
import type { LostPart } from './storage/damage/lost-parts.ts';
import { withoutPasswords } from './without-passwords.ts';
import { countOf } from './count-of.ts';

/** Whether the collector accepts spans and answers queries, and what is wrong. */
export interface Readiness {
  /** Each keeps the collector from its work: a closed or failed engine, a full spool. */
  readonly problems: readonly ReadinessFinding[];
  /** Each wants a person's attention while work goes on: segments that were quarantined. */
  readonly warnings: readonly ReadinessFinding[];
}

export interface ReadinessFinding {
  /** Stable, lower case with underscores. */
  readonly code: string;
  readonly message: string;
}

/** What acknowledged spans may wait to be stored before a person should know. */
const BEHIND_MS = 30_000;

export interface Findings {
  readonly engine: EngineState;
  readonly spool: SpoolStatus;
  /** Of spans; null before the store is open. */
  readonly loader: LoaderStatus | null;
  /** The spool of request metrics. */
  readonly counts: SpoolStatus;
  /** Of request metrics. */
  readonly countsLoader: LoaderStatus | null;
  /**
   * Why nothing is written into the store, why days that seem too old are not dropped yet, and why the clock may be
   * wrong, in words; null where all is well.
   */
  readonly lostLease: string | null;
  readonly heldDays: string | null;
  readonly clockDoubt: string | null;
  /**
   * Parts of the store that are damaged and read by nobody, why one is still in use, and which the disk fails to read;
   * of the embedded store alone.
   */
  readonly damage?: {
    readonly lost: readonly LostPart[];
    readonly unreadable: string | null;
    readonly unread: string | null;
  };
  /** Definitions of tables that were damaged and put back; of the embedded store alone. */
  readonly damagedDefinitions?: readonly string[];
  /** The servers of the store; of ClickHouse servers alone. */
  readonly nodes?: StoreNodes;
  readonly isStopping: boolean;
  readonly isWithoutGrpc: boolean;
}

/** Of what is quarantined or lost so many are named. */
const NAMED_MAX = 10;

/** Puts into words what keeps the collector from its work, and what a person should look at. */
export function readiness(findings: Findings): Readiness {
  const { engine, spool, loader, counts, countsLoader, lostLease, heldDays, clockDoubt } = findings;
  const { damage, damagedDefinitions, nodes, isStopping, isWithoutGrpc } = findings;
  const problems: ReadinessFinding[] = [];
  if (isStopping) problems.push({ code: 'stopping', message: 'the collector is stopping' });
  if (engine.kind === 'down') problems.push({ code: 'engine_down', message: engine.reason });
  else if (engine.kind !== 'ready') {
    problems.push({ code: `engine_${engine.kind}`, message: `the store is ${engine.kind}` });
  }
  problems.push(...shardsDown(nodes?.shardsDown ?? []));
  if (lostLease !== null) problems.push({ code: 'store_not_leased', message: lostLease });
  if (spool.blockedBy !== null) problems.push({ code: 'spool_blocked', message: spool.blockedBy });
  // What keeps this collector from storing anything is said once.
  const mayStore = engine.kind === 'ready' && lostLease === null;
  const failure = mayStore ? (loader?.failure ?? null) : null;
  if (failure !== null && !failure.isAboutData) {
    problems.push({
      code: 'inserts_failing',
      message: `inserts are failing, spans wait in the spool: ${inWords(failure)}`,
    });
  }
  const warnings = [
    ...nodeTroubles(nodes, engine),
    ...(failure?.isAboutData === true ? [segmentFails([], failure)] : []),
    ...passed(loader),
    ...countsFail(mayStore ? countsLoader : null),
    ...quarantined(spool.quarantinedSegments, 'spool/rejected'),
    ...quarantined(counts.quarantinedSegments, 'counts/spool/rejected'),
  ];
  if (!isStopping && counts.blockedBy !== null) {
    const message = `request metrics are not accepted now; SDKs will resend them: ${counts.blockedBy}`;
    warnings.push({ code: 'counts_blocked', message });
  }
  if (spool.backlogAgeMs > BEHIND_MS) {
    const { backlogSegments: segments, backlogBytes: bytes } = spool;
    const age = Math.round(spool.backlogAgeMs / 1_000);
    const message = `the store is ${age} s behind, with a backlog of ${countOf(segments, 'segment')} and ${countOf(bytes, 'byte')}`;
    warnings.push({ code: 'store_behind', message });
  }
  if (heldDays !== null) warnings.push({ code: 'days_held', message: heldDays });
  if (clockDoubt !== null) warnings.push({ code: 'clock_doubtful', message: clockDoubt });
  warnings.push(...damaged(damage?.lost ?? []), ...putBack(damagedDefinitions ?? []));
  if (typeof damage?.unreadable === 'string') warnings.push({ code: 'store_damaged', message: damage.unreadable });
  if (typeof damage?.unread === 'string') warnings.push({ code: 'store_unread', message: damage.unread });
  if (isWithoutGrpc) {
    const message =
      'OTLP/gRPC is off: another program uses its port; stop it and restart the collector, or choose another port with --otlp-grpc-port';
    warnings.push({ code: 'otlp_grpc_off', message });
  }
  return { problems: problems.map(withoutSecrets), warnings: warnings.map(withoutSecrets) };
}

function shardsDown(numbers: readonly number[]): ReadinessFinding[] {
  return numbers.map((number) => ({
    code: 'store_shard_down',
    message: `no server of shard ${number} can be used: its spans wait in the spool, and queries fail or lack them; bring one of its servers back`,
  }));
}

/** Of each server, since when, and of the files that say how to connect. The only server is not named a second time. */
function nodeTroubles(given: StoreNodes | undefined, engine: EngineState): ReadinessFinding[] {
  if (given === undefined) return [];
  const { nodes, fileProblems } = given;
  const isSaid = nodes.length === 1 && engine.kind === 'down';
  return [
    ...nodes
      .filter(({ state }) => !(isSaid && state === 'down'))
      .flatMap(({ node, troubles }) =>
        troubles.map(({ code, message, since }) => ({
          code,
          message: `ClickHouse server ${node}, since ${since.toISOString()}: ${message}`,
        })),
      ),
    ...fileProblems.map((problem) => ({
      code: 'store_file_broken',
      message: `cannot use ${problem}; what was read before stays in use until the file is right`,
    })),
  ];
}

function withoutSecrets({ code, message }: ReadinessFinding): ReadinessFinding {
  return { code, message: withoutPasswords(message) };
}

function inWords({ reason, advice }: LoaderFailure): string {
  return `${reason}; ${advice}`;
}

function passed(loader: LoaderStatus | null): ReadinessFinding[] {
  if (loader === null || loader.passedBecause === null) return [];
  return [segmentFails(loader.passedSegments, loader.passedBecause)];
}

function segmentFails(segments: readonly string[], failure: LoaderFailure): ReadinessFinding {
  const which =
    segments.length === 0
      ? 'inserting a segment fails'
      : `${countOf(segments.length, 'segment')} cannot be inserted while others are stored`;
  return { code: 'segments_failing', message: `${which}: ${inWords(failure)}` };
}

function countsFail(loader: LoaderStatus | null): ReadinessFinding[] {
  const failure = loader?.failure ?? loader?.passedBecause ?? null;
  if (failure === null) return [];
  return [
    {
      code: 'counts_failing',
      message: `inserts of request metrics are failing, they wait in their spool: ${inWords(failure)}`,
    },
  ];
}

/** One finding for all that is lost, the spans first. */
function damaged(lost: readonly LostPart[]): ReadinessFinding[] {
  if (lost.length === 0) return [];
  const ofTables = new Map<string, { rows: number; bytes: number; isUnknown: boolean }>();
  for (const { table, day, rows, bytes } of lost) {
    const key = day === null ? table : `${table} of ${day}`;
    const sum = ofTables.get(key) ?? { rows: 0, bytes: 0, isUnknown: false };
    ofTables.set(key, {
      rows: sum.rows + (rows ?? 0),
      bytes: sum.bytes + bytes,
      isUnknown: sum.isUnknown || rows === null,
    });
  }
  const described = [...ofTables]
    .toSorted(([a], [b]) => Number(b.startsWith('spans ')) - Number(a.startsWith('spans ')))
    .map(([of, { rows, bytes, isUnknown }]) => {
      const known = countOf(rows, 'row');
      const count = isUnknown ? (rows === 0 ? 'an unknown number of rows' : `at least ${known}`) : known;
      return `${of} (${count}, ${countOf(bytes, 'byte')})`;
    });
  const message = `${countOf(lost.length, 'damaged part of the store is', 'damaged parts of the store are')} kept in detached/ and not read: ${named(described)}; run throughline check, restore a backup for that data, or empty detached/ to clear this`;
  return [{ code: 'store_parts_lost', message }];
}

function putBack(definitions: readonly string[]): ReadinessFinding[] {
  if (definitions.length === 0) return [];
  const message = `${countOf(definitions.length, 'table definition was damaged and has', 'table definitions were damaged and have')} been restored; check the disk. What was damaged is kept in store/definitions/damaged: ${named(definitions)}`;
  return [{ code: 'store_definitions_damaged', message }];
}

function named(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function quarantined(segments: readonly string[], directory: string): ReadinessFinding[] {
  if (segments.length === 0) return [];
  const message = `${countOf(segments.length, 'segment is', 'segments are')} quarantined in ${directory}, damaged or rejected by the store: ${named(segments)}; see throughline spool list for the reasons, and load again with throughline spool retry`;
  return [{ code: 'segments_quarantined', message }];
}
