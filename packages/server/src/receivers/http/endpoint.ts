import type { IncomingMessage } from 'node:http';
import type { Access } from '../../http/access.ts';
import type { RoutePath } from '../../http/router.ts';
import type { Refusal } from '../../http/refusal.ts';
import type { Body } from '../body/body.ts';
import type { BodyForm } from './body-form.ts';

/** An answer, before the receiver adds the headers that every answer has. */
export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as it reached the endpoint. */
export interface EndpointRequest extends Pick<IncomingMessage, 'url' | 'headers'> {
  /** Null where none was requested. */
  readonly form: BodyForm | null;
  readonly access: Access;
}

/** What a receiver serves at a path: spans in some format, or JSON of another module. */
export interface Endpoint extends RoutePath {
  /** As which bodies are taken; without any, whatever Content-Type says. */
  readonly forms: readonly BodyForm[];
  /** Whether web pages may send to it: then their preflights are answered. */
  readonly isForPages: boolean;
  /** A body as sent … */
  readonly bodyBytesMax: number;
  /** … and decompressed. */
  readonly decompressedBytesMax: number;
  /** Counts a body that was over one of these. */
  countTooLarge(limit: 'sent' | 'decompressed'): void;
  /**
   * Why nothing is accepted now, called before a body is read; null where it is accepted. Counts the limit that it
   * names.
   */
  busyBecause(): string | null;
  /** Takes a body, in the same turn as it was read whole. */
  take(body: Body, request: EndpointRequest): Promise<HttpResponse>;
  /** `form` is null where the request names none that is known. */
  refuse(refusal: Refusal, form: BodyForm | null): HttpResponse;
}
