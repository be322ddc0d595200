import { expect, test } from 'vitest';
import * as client from './client/index.ts';
import * as formats from './formats/index.ts';
import * as api from './index.ts';

test('the package exports these names', () => {
  expect(Object.keys(api).toSorted()).toEqual([
    'SpanKind',
    'StatusCode',
    'attributeText',
    'compareTraces',
    'criticalNs',
    'criticalPath',
    'dependencyKind',
    'describeComparison',
    'describeCriticalPath',
    'errorOrigins',
    'exclusiveNs',
    'findAttribute',
    'followLinks',
    'formatDuration',
    'inferredDependency',
    'journeyTo',
    'likeCalls',
    'similarTraces',
    'slackNs',
    'storyPlaces',
    'tellStory',
    'timeByKind',
    'timeByOperation',
    'timeByPath',
    'timeByService',
    'traceFromOtlp',
    'transits',
    'typicalTrace',
    'whatIf',
    'whatIfEach',
    'withUsual',
  ]);
});

test('its client exports these names', () => {
  expect(Object.keys(client).toSorted()).toEqual([
    'ApiClient',
    'ApiClientError',
    'MISSING_SHARDS_HEADER',
    'OTHER_NAME',
    'SHARDS_HEADER',
    'SPANS_IN_TRACE_HEADER',
    'TRACE_ID_ACCEPTED',
    'UI_PAGES',
    'parseTag',
    'parseTraceId',
    'uiPath',
    'writeTag',
  ]);
});

test('its formats export these names', () => {
  expect(Object.keys(formats).toSorted()).toEqual(['TraceFormatError', 'readTraces', 'toJaeger', 'toOtlp', 'toZipkin']);
});
