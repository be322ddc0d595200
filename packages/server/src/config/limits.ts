import { ALERT_LIMITS, type AlertLimits } from '../alerts/limits.ts';
import { API_LIMITS, type ApiLimits } from '../api/limits.ts';
import { COUNTS_LIMITS, type CountsLimits } from '../counts/limits.ts';
import {
  FRESH_LIMITS,
  LOADER_LIMITS,
  SPOOL_LIMITS,
  type FreshLimits,
  type LoaderLimits,
  type SpoolLimits,
} from '../spool/limits.ts';
import { INSIGHT_LIMITS, type InsightLimits } from '../insight/insight-limits.ts';
import { NORMALS_LIMITS, type NormalsLimits } from '../normals/normals-limits.ts';
import { INGEST_LIMITS, type IngestLimits } from '../ingest/limits.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../maintenance/limits.ts';
import { MCP_LIMITS, type McpLimits } from '../mcp/mcp-limits.ts';
import { QUERY_LIMITS, type QueryLimits } from '../query/limits.ts';
import {
  OTLP_GRPC_LIMITS,
  OTLP_HTTP_LIMITS,
  RECEIVER_LIMITS,
  type OtlpGrpcLimits,
  type OtlpHttpLimits,
  type ReceiverLimits,
} from '../receivers/limits.ts';
import { SAMPLING_LIMITS, type SamplingLimits } from '../sampling/limits.ts';
import { DAMAGE_LIMITS, type DamageLimits } from '../storage/damage/damage-limits.ts';
import { ENGINE_LIMITS, type EngineLimits } from '../storage/engine-limits.ts';
import { CLUSTER_LIMITS, type ClusterLimits } from '../storage/cluster/cluster-limits.ts';
import {
  ROLLUP_JOB_LIMITS,
  ROLLUP_LIMITS,
  type RollupJobLimits,
  type RollupLimits,
} from '../storage/rollups/rollup-limits.ts';
import { RETENTION_LIMITS, type RetentionLimits } from '../storage/retention/retention-limits.ts';

/** The limits, queues and waits of every module. */
export interface Limits {
  readonly receivers: ReceiverLimits;
  readonly otlpHttp: OtlpHttpLimits;
  readonly otlpGrpc: OtlpGrpcLimits;
  readonly ingest: IngestLimits;
  readonly spool: SpoolLimits;
  readonly fresh: FreshLimits;
  readonly loader: LoaderLimits;
  readonly engine: EngineLimits;
  readonly damage: DamageLimits;
  readonly cluster: ClusterLimits;
  readonly retention: RetentionLimits;
  readonly rollups: RollupLimits & RollupJobLimits;
  readonly sampling: SamplingLimits;
  readonly counts: CountsLimits;
  readonly maintenance: MaintenanceLimits;
  readonly query: QueryLimits;
  readonly insight: InsightLimits;
  readonly mcp: McpLimits;
  readonly alerts: AlertLimits;
  readonly normals: NormalsLimits;
  /** Of the UI and the API. */
  readonly http: ApiLimits;
}

export const DEFAULT_LIMITS: Limits = {
  receivers: RECEIVER_LIMITS,
  otlpHttp: OTLP_HTTP_LIMITS,
  otlpGrpc: OTLP_GRPC_LIMITS,
  ingest: INGEST_LIMITS,
  spool: SPOOL_LIMITS,
  fresh: FRESH_LIMITS,
  loader: LOADER_LIMITS,
  engine: ENGINE_LIMITS,
  damage: DAMAGE_LIMITS,
  cluster: CLUSTER_LIMITS,
  retention: RETENTION_LIMITS,
  rollups: { ...ROLLUP_LIMITS, ...ROLLUP_JOB_LIMITS },
  sampling: SAMPLING_LIMITS,
  counts: COUNTS_LIMITS,
  maintenance: MAINTENANCE_LIMITS,
  query: QUERY_LIMITS,
  insight: INSIGHT_LIMITS,
  mcp: MCP_LIMITS,
  alerts: ALERT_LIMITS,
  normals: NORMALS_LIMITS,
  http: API_LIMITS,
};
