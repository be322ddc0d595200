// Tests that CI may skip, and why. Any other skipped test fails the run: a missing tool must not pass for a passed test.
const LONG = 'they run in `npm run test:long` alone';
const isShort = ({ isLong }) => !isLong;

/**
 * `test` is matched with the full name of the test, its suites first. `when` says in which runs the skip is allowed: it gets
 * `{nodeMajor, isRoot, isLong}`; without it, in all.
 */
export const allowedSkips = [
  {
    file: 'packages/sdk/src/http/undici.test.ts',
    test: /^the built-in one .* its dispatchers /,
    why: 'Node does not give out the dispatchers of its built-in undici',
  },
  {
    file: 'packages/sdk/src/http/undici.test.ts',
    test: /^undici 5 .* HTTP\/2$/,
    why: 'undici 5 has no HTTP/2',
  },
  {
    file: 'packages/sdk/src/http/undici.test.ts',
    test: /^the built-in one .* WebSocket$/,
    why: 'Node 20 has no WebSocket',
    when: ({ nodeMajor }) => nodeMajor === 20,
  },
  {
    file: 'packages/sdk/src/http/ways-to-end.test.ts',
    test: /^a WebSocket has a client span/,
    why: 'Node 20 has no WebSocket',
    when: ({ nodeMajor }) => nodeMajor === 20,
  },
  {
    file: 'packages/server/src/cli/main.test.ts',
    test: /names a data directory that it may not write$/,
    why: 'root may write anywhere',
    when: ({ isRoot }) => isRoot,
  },
  {
    file: 'packages/server/src/receivers/decode/mutated-payloads.test.ts',
    test: /^a million payloads /,
    why: LONG,
    when: isShort,
  },
  {
    file: 'packages/server/src/storage/damage/store-damage.test.ts',
    test: /somebody has removed while /,
    why: LONG,
    when: isShort,
  },
  {
    file: 'test/clickhouse-migrate.test.ts',
    test: /while an insert hung, which its servers carry out afterwards$/,
    why: LONG,
    when: isShort,
  },
  {
    file: 'test/clickhouse-migrate.test.ts',
    test: /the disk of its working folder is full$/,
    why: 'a disk of its own is mounted for it, which not every root may do',
  },
  {
    file: 'test/bench-cluster.test.ts',
    test: /measures queries and ingest on each kind of store$/,
    why: LONG,
    when: isShort,
  },
  {
    file: 'test/clickhouse-fleet.test.ts',
    test: /while the disk of a replica is full$/,
    why: 'a disk of its own is mounted for it, which not every root may do',
  },
  {
    file: 'test/clickhouse-nodes.test.ts',
    test: /have a full disk: /,
    why: 'a disk of its own is mounted for it, which not every root may do',
  },
  {
    file: 'test/power-loss.test.ts',
    test: /has what a merge has made, when what it replaced is removed$/,
    why: LONG,
    when: isShort,
  },
];
