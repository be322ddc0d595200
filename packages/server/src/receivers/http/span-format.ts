import type { IngestResult } from '../../columns/ingest-result.ts';
import type { Refusal } from '../../http/refusal.ts';
import type { RoutePath } from '../../http/router.ts';
import type { Body, BodyMemory } from '../body/body.ts';
import type { BodyForm } from './body-form.ts';
import type { HttpResponse } from './endpoint.ts';

/** What became of a request whose spans are durable. */
export type StoredResult = Extract<IngestResult, { kind: 'stored' }>;

/**
 * A format in which spans arrive over HTTP: how a body is decoded, and how it is answered. `HttpReceiver` does the
 * rest: limits, compression, hosts and web pages, repeated requests, metrics.
 */
export interface SpanFormat<Form extends BodyForm = BodyForm> extends RoutePath {
  readonly method: 'POST';
  /** How generated clients call it. */
  readonly operationId: string;
  readonly forms: readonly [Form, ...Form[]];
  /**
   * Whether its bodies end in the store; then they are refused while the spool is full, and a repeated one is known by
   * its bytes.
   */
  readonly isStored: boolean;
  /**
   * Decodes a body, in the same turn or beside the event loop, and resolves when its spans are durable. `memory` is
   * where it may be joined.
   */
  decode(body: Body, form: Form, memory: BodyMemory): Promise<IngestResult>;
  /** The answer to a request whose spans are stored, save those that were rejected. */
  accept(stored: StoredResult, form: Form): HttpResponse;
  /** The answer to one of which nothing is stored. `form` is the first where the request names none that is known. */
  refuse(refusal: Refusal, form: Form): HttpResponse;
}
