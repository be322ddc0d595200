import { Type } from '@sinclair/typebox';
import { closed, count, decimal, described, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { partial } from './partial-schema.ts';
import { errorRateInterval, estimate } from './estimate-schema.ts';

const counts = {
  spanCount: count({ description: 'Stored rows.' }),
  errorCount: count({ description: 'Stored rows with status ERROR.' }),
  estimatedSpanCount: Type.Number({
    description: 'Σ sampling weight of the stored rows, each of which counts 1 where its weight is not known.',
  }),
  estimatedErrorCount: Type.Number({ description: 'The same of the rows with status ERROR.' }),
  estimate: described(estimate, 'Of `estimatedSpanCount`.'),
  errorRateInterval: nullable(
    errorRateInterval,
    'Of `estimatedErrorCount / estimatedSpanCount`; null where there are no spans.',
  ),
};

const isOthers = Type.Boolean({
  description:
    'Whether it is all that are not counted by their names: too many in a day, or of more than 4,096 bytes. It cannot ' +
    'be queried. Its name is `(other)`, which one of them may have as well.',
});

const serviceSummary = named(
  'ServiceSummary',
  closed(
    {
      name: Type.String(),
      isOthers,
      ...counts,
      operationCount: count({ description: 'Distinct names of its spans.' }),
      firstSeenUnixNano: decimal(),
      lastSeenUnixNano: decimal(),
    },
    'A service, as counted over the stored spans of a time range.',
  ),
);

export const servicesSchema = named(
  'ServicesResponse',
  closed({ services: Type.Array(serviceSummary, { description: 'By name.' }), partial }),
);

const operationSummary = named(
  'OperationSummary',
  closed(
    { name: Type.String({ description: 'May be empty.' }), isOthers, ...counts },
    'An operation of a service: all its spans with one name.',
  ),
);

export const operationsSchema = named(
  'OperationsResponse',
  closed({
    operations: Type.Array(operationSummary, { description: 'By name; none for an unknown service.' }),
    partial,
  }),
);

const durations = Type.Array(nullable(decimal()));

const requestSeries = named(
  'RequestSeries',
  closed(
    {
      service: Type.String(),
      operation: nullable(Type.String(), 'Null in a series of a whole service.'),
      othersOf: nullable(
        oneOf(['services', 'operations']),
        'Whether it is that of all services, or of all operations of the service, that are not counted by their ' +
          'names; null where it is of none.',
      ),
      source: described(
        oneOf(['spans', 'requestMetrics']),
        'Where rate, errors and durations come from: `requestMetrics` where one or more steps come from the ' +
          "SDKs' request metrics, which count before anything is sampled. Steps that end in the last half " +
          'minute or so, or later, come from spans: more request metrics of them may arrive.',
      ),
      estimate: described(estimate, 'Of the requests of the whole range.'),
      errorRateInterval: nullable(errorRateInterval, 'Of the whole range; null without a request.'),
      requestCount: Type.Array(Type.Number(), {
        description: 'Stored rows; the rate is `estimatedRequestCount / stepSeconds`.',
      }),
      errorCount: Type.Array(Type.Number(), { description: 'Stored rows with an error.' }),
      estimatedRequestCount: Type.Array(Type.Number(), {
        description: 'Σ sampling weight, or what request metrics report.',
      }),
      estimatedErrorCount: Type.Array(Type.Number(), { description: 'The same of requests with an error.' }),
      p50Ns: described(durations, 'Off by at most 4.4%; null in a step without a request.'),
      p90Ns: described(durations, 'As `p50Ns`.'),
      p99Ns: described(
        durations,
        'As `p50Ns`. Null also in a step of estimated requests with fewer than 500 effective ones: it would be off ' +
          'by far.',
      ),
    },
    'Requests over time of a service, or of one of its operations: SERVER and CONSUMER spans, and spans whose parent ' +
      'is missing or remote. Each array has a value for each step.',
  ),
);

export const seriesSchema = named(
  'SeriesResponse',
  closed({
    fromUnixNano: decimal('Begin of the first step, which is a whole number of steps after the epoch.'),
    stepSeconds: count(),
    points: count({ description: 'The number of steps.' }),
    series: Type.Array(requestSeries, { description: 'Most requests first.' }),
    truncated: Type.Boolean({ description: 'True when there are more series than `limit`.' }),
    partial,
  }),
);
