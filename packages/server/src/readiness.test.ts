import { expect, test } from 'vitest';
import { readiness, type Findings } from './readiness.ts';
import type { LostPart } from './storage/damage/lost-parts.ts';
import type { NodeStatus, NodeTroubleCode } from './storage/store-node.ts';

const WORKING = { backlogSegments: 0, backlogBytes: 0, backlogAgeMs: 0, blockedBy: null, quarantinedSegments: [] };

const GOOD: Findings = {
  engine: { kind: 'ready' },
  spool: WORKING,
  loader: null,
  counts: WORKING,
  countsLoader: null,
  lostLease: null,
  heldDays: null,
  clockDoubt: null,
  isStopping: false,
  isWithoutGrpc: false,
};

test('nothing is wrong with a collector that works', () => {
  expect(readiness(GOOD)).toEqual({ problems: [], warnings: [] });
});

test('what keeps it from its work is a problem, in words', () => {
  const spool = { ...GOOD.spool, blockedBy: 'the disk is full' };
  expect(
    readiness({ ...GOOD, spool, engine: { kind: 'down', reason: 'killed by SIGKILL' }, isStopping: true }),
  ).toEqual({
    problems: [
      { code: 'stopping', message: expect.stringContaining('stopping') as string },
      { code: 'engine_down', message: 'killed by SIGKILL' },
      { code: 'spool_blocked', message: 'the disk is full' },
    ],
    warnings: [],
  });
  expect(readiness({ ...GOOD, lostLease: 'the store is in use by …' }).problems).toEqual([
    { code: 'store_not_leased', message: 'the store is in use by …' },
  ]);
  expect(readiness({ ...GOOD, engine: { kind: 'starting' } }).problems).toEqual([
    { code: 'engine_starting', message: expect.stringContaining('starting') as string },
  ]);
});

test('a definition that was put back is a warning until what was found is gone', () => {
  const { problems, warnings } = readiness({ ...GOOD, damagedDefinitions: ['spans.sql.0a1b2c3d'] });
  expect(problems).toEqual([]);
  expect(warnings.map(({ code }) => code)).toEqual(['store_definitions_damaged']);
  expect(warnings[0]?.message).toContain('spans.sql.0a1b2c3d');
});

test('what is wrong is reported without the password of a store', () => {
  const engine = { kind: 'down', reason: 'http://ann:s3cret@store:8123 cannot be reached' } as const;
  expect(readiness({ ...GOOD, engine }).problems).toEqual([
    { code: 'engine_down', message: 'http://ann:***@store:8123 cannot be reached' },
  ]);
});

test('what a person should look at is a warning', () => {
  const quarantinedSegments = Array.from({ length: 12 }, (_, index) => `s${index}`);
  const spool = { ...GOOD.spool, quarantinedSegments, backlogAgeMs: 40_000, backlogSegments: 3, backlogBytes: 500 };
  const { problems, warnings } = readiness({ ...GOOD, spool, isWithoutGrpc: true });
  expect(problems).toEqual([]);
  expect(warnings.map(({ code }) => code)).toEqual(['segments_quarantined', 'store_behind', 'otlp_grpc_off']);
  expect(warnings[0]?.message).toContain('s9 and 2 more');
  expect(warnings[1]?.message).toMatch(/40 s behind.* 3 segments .*500 bytes/);
});

const WRONG_PASSWORD = { reason: 'Code: 516', isAboutData: false, advice: 'check the password' };
const BAD_DATA = { reason: 'Code: 117', isAboutData: true, advice: 'see throughline spool list' };
const LOADING = { failure: null, passedSegments: [], passedBecause: null };

test('a store that takes no spans is a problem, with what to do about it', () => {
  expect(readiness({ ...GOOD, loader: LOADING })).toEqual({ problems: [], warnings: [] });
  const loader = { ...LOADING, failure: WRONG_PASSWORD };
  expect(readiness({ ...GOOD, loader })).toEqual({
    problems: [
      {
        code: 'inserts_failing',
        message: expect.stringMatching(/: Code: 516; check the password$/) as string,
      },
    ],
    warnings: [],
  });
  // The reason is known already.
  const down = readiness({ ...GOOD, loader, engine: { kind: 'down', reason: 'killed' } });
  expect(down.problems.map(({ code }) => code)).toEqual(['engine_down']);
});

test('a segment that fails is a warning, whether others are stored or none has come', () => {
  const alone = readiness({ ...GOOD, loader: { ...LOADING, failure: BAD_DATA } });
  const reason: unknown = expect.stringMatching(/: Code: 117; .*throughline spool list$/);
  expect(alone).toEqual({ problems: [], warnings: [{ code: 'segments_failing', message: reason }] });
  const passed = readiness({ ...GOOD, loader: { ...LOADING, passedSegments: ['a', 'b'], passedBecause: BAD_DATA } });
  expect(passed.warnings).toMatchObject([{ code: 'segments_failing', message: reason }]);
  expect(passed.warnings[0]?.message).toMatch(/^2 segments /);
  const counts = readiness({ ...GOOD, countsLoader: { ...LOADING, failure: WRONG_PASSWORD } });
  expect(counts.warnings.map(({ code }) => code)).toEqual(['counts_failing']);
});

test('days that are held, and a clock that may be wrong, are warnings', () => {
  const { problems, warnings } = readiness({ ...GOOD, heldDays: '3 days …', clockDoubt: 'the store has …' });
  expect(problems).toEqual([]);
  expect(warnings).toEqual([
    { code: 'days_held', message: '3 days …' },
    { code: 'clock_doubtful', message: 'the store has …' },
  ]);
});

test('request metrics that cannot be noted, or stored, are a warning', () => {
  const counts = { ...WORKING, blockedBy: 'the disk is full', quarantinedSegments: ['s1'] };
  const { problems, warnings } = readiness({ ...GOOD, counts });
  expect(problems).toEqual([]);
  expect(warnings).toEqual([
    { code: 'segments_quarantined', message: expect.stringMatching(/counts\/spool\/rejected.*: s1/) as string },
    { code: 'counts_blocked', message: expect.stringMatching(/: the disk is full$/) as string },
  ]);
});

const SINCE = new Date('2026-11-30T16:04:05.678Z');

function aNode(node: string, state: NodeStatus['state'], ...codes: NodeTroubleCode[]): NodeStatus {
  const troubles = codes.map((code) => ({ code, message: `${code} at http://ann:s3cret@${node}`, since: SINCE }));
  return { node, shard: null, replica: null, version: null, state, since: SINCE, troubles };
}

const ONE_AWAY = {
  shardsDown: [],
  fileProblems: [],
  nodes: [aNode('a:1', 'up'), aNode('b:2', 'down', 'store_node_away')],
};

test('a server of several that is away is a warning, with since when and without a password', () => {
  const { problems, warnings } = readiness({ ...GOOD, nodes: ONE_AWAY });
  expect(problems).toEqual([]);
  const message: unknown = expect.stringMatching(/b:2, since 2026-11-30T16:04:05\.678Z: .*http:\/\/ann:\*\*\*@b:2$/);
  expect(warnings).toEqual([{ code: 'store_node_away', message }]);
});

test('a shard without a server is a problem, and so is the only server, which is named once', () => {
  const { problems } = readiness({ ...GOOD, nodes: { ...ONE_AWAY, shardsDown: [2] } });
  expect(problems).toEqual([{ code: 'store_shard_down', message: expect.stringContaining('shard 2') as string }]);
  const alone = { ...ONE_AWAY, nodes: [aNode('b:2', 'down', 'store_node_away', 'store_node_clock')] };
  const engine = { kind: 'down', reason: 'b:2 cannot be reached' } as const;
  expect(readiness({ ...GOOD, engine, nodes: alone })).toEqual({
    problems: [{ code: 'engine_down', message: engine.reason }],
    warnings: [],
  });
});

test('what is wrong with a server that is used is a warning, and so is a file that is broken', () => {
  const nodes = [aNode('a:1', 'up', 'store_node_clock', 'store_node_disk_full')];
  const fileProblems = ['/run/password: holds no password'];
  const { problems, warnings } = readiness({ ...GOOD, nodes: { nodes, shardsDown: [], fileProblems } });
  expect(problems).toEqual([]);
  expect(warnings.map(({ code }) => code)).toEqual(['store_node_clock', 'store_node_disk_full', 'store_file_broken']);
  expect(warnings[2]?.message).toContain('/run/password');
});

function part(table: string, day: string | null, rows: number | null): LostPart {
  return { table, name: '20261123_1_1_0', day, rows, bytes: 100, reason: '' };
}

test('damaged parts are reported by table and day, the spans first, as long as they are kept', () => {
  const lost = [
    part('trace_times', '2026-11-23', 7),
    part('spans', '2026-11-23', 40),
    part('spans', '2026-11-23', 2),
    part('spans', '2026-11-24', null),
    part('rollup_progress', null, 1),
  ];
  expect(readiness({ ...GOOD, damage: { lost, unreadable: 'part all_1_1_0 …', unread: 'the disk …' } })).toEqual({
    problems: [],
    warnings: [
      {
        code: 'store_parts_lost',
        message: expect.stringMatching(
          /^5 damaged parts .*: spans of 2026-11-23 \(42 rows, 200 bytes\), spans of 2026-11-24 \(.*, 100 bytes\), trace_times of 2026-11-23 \(7 rows, 100 bytes\), rollup_progress \(1 row, 100 bytes\); /,
        ) as string,
      },
      { code: 'store_damaged', message: 'part all_1_1_0 …' },
      { code: 'store_unread', message: 'the disk …' },
    ],
  });
});

test('the messages are those in readiness-messages.golden.txt', async () => {
  const behind = { ...WORKING, backlogAgeMs: 40_000, backlogSegments: 3, backlogBytes: 500 };
  const lost = [part('spans', '2026-11-23', 42), part('spans', '2026-11-24', null), part('rollup_progress', null, 1)];
  const findings: readonly Partial<Findings>[] = [
    { isStopping: true },
    { engine: { kind: 'starting' } },
    { spool: { ...behind, quarantinedSegments: ['s1', 's2'] }, isWithoutGrpc: true },
    { loader: { ...LOADING, failure: WRONG_PASSWORD } },
    { loader: { ...LOADING, failure: BAD_DATA } },
    { loader: { ...LOADING, passedSegments: ['a', 'b'], passedBecause: BAD_DATA } },
    { counts: { ...behind, blockedBy: 'the disk is full', quarantinedSegments: ['s1'] } },
    { countsLoader: { ...LOADING, failure: WRONG_PASSWORD } },
    { damagedDefinitions: ['spans.sql.0a1b2c3d'] },
    { damagedDefinitions: ['spans.sql.0a1b2c3d', 'logs.sql.0a1b2c3d'] },
    { damage: { lost, unreadable: null, unread: null } },
    { damage: { lost: lost.slice(0, 1), unreadable: null, unread: null } },
    {
      damage: {
        lost: [part('spans', '2026-11-23', 1), part('spans', '2026-11-23', null)],
        unreadable: null,
        unread: null,
      },
    },
    { spool: { ...behind, backlogSegments: 1, backlogBytes: 1 } },
    { loader: { ...LOADING, passedSegments: ['a'], passedBecause: BAD_DATA } },
    { nodes: { ...ONE_AWAY, shardsDown: [2], fileProblems: ['/run/password: holds no password'] } },
  ];
  const lines = findings.flatMap((found) => {
    const { problems, warnings } = readiness({ ...GOOD, ...found });
    return [...problems, ...warnings].map(({ code, message }) => `${code}\n  ${message}\n`);
  });
  await expect(lines.join('\n')).toMatchFileSnapshot('readiness-messages.golden.txt');
});
