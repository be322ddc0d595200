export type * from './api-types.ts';
export { OTHER_NAME } from './other-name.ts';
export { MISSING_SHARDS_HEADER, SHARDS_HEADER } from './partial-answer.ts';
export { SPANS_IN_TRACE_HEADER, type StoryResponse, type TraceResponse } from './trace-response.ts';
export { ApiClient, ApiClientError, type ApiClientOptions, type RequestOptions } from './api-client.ts';
export { parseTag, writeTag, type Tag } from './tag.ts';
export { parseTraceId, TRACE_ID_ACCEPTED } from './parse-trace-id.ts';
export { UI_PAGES, uiPath } from './ui-pages.ts';
