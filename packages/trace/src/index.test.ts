import { expect, test } from 'vitest';
import * as api from './index.ts';

test('the package exports these names', () => {
  expect(Object.keys(api).toSorted()).toEqual([
    'ApiClient',
    'ApiClientError',
    'SPANS_IN_TRACE_HEADER',
    'SpanKind',
    'StatusCode',
    'attributeText',
    'criticalNs',
    'criticalPath',
    'errorOrigins',
    'findAttribute',
    'formatDuration',
    'inferredDependency',
    'tellStory',
    'traceFromOtlp',
  ]);
});
