export type SpanFilter = 'errors' | 'critical';
