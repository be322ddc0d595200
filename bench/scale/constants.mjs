/** What the collector does, read from the built code: a limit that changes there changes the arithmetic. */
import { FRESH_LIMITS, SPOOL_LIMITS } from '../../packages/server/dist/spool/limits.js';
import { capabilitiesOf } from '../../packages/server/dist/storage/capabilities.js';
import { CLUSTER_LIMITS } from '../../packages/server/dist/storage/cluster/cluster-limits.js';
import { clusterTables } from '../../packages/server/dist/storage/cluster/cluster-tables.js';
import { createTables } from '../../packages/server/dist/storage/migrations/0001-tables.js';
import { ROLLUP_JOB_LIMITS } from '../../packages/server/dist/storage/rollups/rollup-limits.js';
import { ROLLUPS } from '../../packages/server/dist/storage/rollups/rollup-rebuild.js';
import { SPANS_PER_REQUEST } from '../ingest/payload.mjs';

/** ClickHouse's own, where a table says nothing else. */
const MERGE_BASE_DEFAULT = 5;

/** `version`: of ClickHouse, whose tables have the settings that it knows. */
export function constantsOf(version) {
  const statements = createTables.statements(capabilitiesOf(version), clusterTables('main'));
  const spans = statements.find((statement) => /^CREATE TABLE IF NOT EXISTS \w+\.spans /.test(statement));
  const setting = (name) => Number(new RegExp(`\\b${name} = (\\d+)`).exec(spans)?.[1] ?? Number.NaN);
  const base = setting('merge_selector_base');
  return {
    // A cluster has no table of fresh spans: what is not stored cannot be found.
    segmentAgeMs: FRESH_LIMITS.publishMs,
    segmentRows: Math.min(SPOOL_LIMITS.segmentRowsIdle, SPOOL_LIMITS.segmentRowsMax),
    segmentBytesMax: SPOOL_LIMITS.segmentBytesMax,
    requestSpans: SPANS_PER_REQUEST,
    backlogBytesMax: SPOOL_LIMITS.backlogBytesMax,
    windowInserts: setting('replicated_deduplication_window'),
    windowSeconds: setting('replicated_deduplication_window_seconds'),
    mergeBase: Number.isNaN(base) ? MERGE_BASE_DEFAULT : base,
    // Traces that last hours are rare: their table gets no part from most batches.
    derivedTables: ROLLUPS.filter(({ table }) => table !== 'long_traces').length,
    rollupIntervalMs: ROLLUP_JOB_LIMITS.intervalMs,
    rollupIdleIntervalMs: ROLLUP_JOB_LIMITS.idleIntervalMs,
    rollupRowsMax: ROLLUP_JOB_LIMITS.rowsMax,
    leaseRenewMs: CLUSTER_LIMITS.leaseRenewMs,
    insertTimeoutMs: CLUSTER_LIMITS.insertTimeoutMs,
  };
}
