import { OPERATION_NAME, SERVICE_NAME } from './rollup-names.ts';
import { IS_REQUEST, startOf, type Rollup } from './rollups.ts';

/**
 * Spans of which it is not known for how many they stand: without a threshold, from an SDK that states one wherever it
 * knows it. Those of other SDKs count 1: who samples without saying so cannot be distinguished from who samples
 * everything.
 */
export const IS_UNKNOWN = `(sampling_th = '' AND arrayElement(res_v, indexOf(res_k, 'telemetry.sdk.name')) = 'throughline')`;

/** A service's own row has no operation. */
function named(operation: string): string {
  return `CAST(if(of_service = 1, '', toString(${operation})) AS LowCardinality(String))`;
}

/**
 * What the weights of spans are worth: rows exist only for spans that stand for more than themselves, or whose weight
 * is not known. `excess` is Σ(w − 1). A trace is kept as a whole, so the variance of a count is a sum over traces: W² −
 * cW, where c spans of a trace have the weight W together, which is w(w − 1)c² where each weighs w. It is exact while
 * the spans of a trace are counted in one batch, and otherwise less than it should be.
 *
 * A service's own row (`of_service`) is no sum of its operations', because a trace may hold spans of several of them.
 */
export const WEIGHT_15M: Rollup = {
  table: 'weight_15m',
  columns: [
    'tenant',
    'time',
    'service_name',
    'of_service',
    'operation',
    'excess',
    'variance',
    'request_excess',
    'request_variance',
    'unknown',
    'unknown_requests',
  ],
  time: 'time',
  stepSeconds: 900,
  select: (source) => byTrace(source),
};

/** One hash as the key: grouping by its parts takes twice the time. */
function byTrace(source: string): string {
  return `SELECT tenant, time, service_name, of_service, operation, sum(e) AS excess, sum(w * w - c * w) AS variance,
  sum(re) AS request_excess, sum(rw * rw - rc * rw) AS request_variance, sum(u) AS unknown, sum(ru) AS unknown_requests
FROM (
  SELECT any(tenant_) AS tenant, any(time_) AS time, any(service_name_) AS service_name, any(of_service_) AS of_service, any(operation_) AS operation,
    count() AS c, sum(weight) AS w, w - c AS e,
    sum(is_request) AS rc, sum(weight * is_request) AS rw, rw - rc AS re,
    sum(is_unknown) AS u, sum(is_unknown * is_request) AS ru
  FROM (
    SELECT tenant_, time_, service_name AS service_name_, of_service AS of_service_, ${named('operation_name')} AS operation_, weight, is_request, is_unknown,
      cityHash64(trace_id, tenant_, time_, service_name_, of_service_, operation_) AS trace_and_name
    FROM (
      SELECT tenant AS tenant_, trace_id, ${startOf(900, 'start_s')} AS time_, ${SERVICE_NAME}, ${OPERATION_NAME} AS operation_name,
        arrayJoin([0, 1]) AS of_service, sampling_weight AS weight, ${IS_REQUEST} AS is_request, ${IS_UNKNOWN} AS is_unknown
      FROM ${source}
      WHERE sampling_weight != 1 OR is_unknown
    )
  )
  GROUP BY trace_and_name
)
GROUP BY tenant, time, service_name, of_service, operation`;
}
