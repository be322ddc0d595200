import { expect, test } from 'vitest';
import * as api from './index.ts';

test('the package exports these names', () => {
  expect(Object.keys(api).toSorted()).toEqual([
    'ApiClient',
    'ApiClientError',
    'OTHER_NAME',
    'SPANS_IN_TRACE_HEADER',
    'SpanKind',
    'StatusCode',
    'TRACE_ID_ACCEPTED',
    'UI_PAGES',
    'attributeText',
    'criticalNs',
    'criticalPath',
    'errorOrigins',
    'findAttribute',
    'formatDuration',
    'inferredDependency',
    'parseTag',
    'parseTraceId',
    'tellStory',
    'traceFromOtlp',
    'writeTag',
  ]);
});
