import type { ServerHttp2Stream } from 'node:http2';
import { MalformedRequestError } from '../../columns/ingest-result.ts';
import { framed } from './grpc-message.ts';
import { GrpcError } from './grpc-status.ts';
import { StatusCode, varintField } from '../otlp/otlp-response.ts';
import { ProtobufReader } from '../otlp/protobuf-reader.ts';
import { countOf } from '../../count-of.ts';

export const HEALTH_CHECK_PATH = '/grpc.health.v1.Health/Check';
export const HEALTH_WATCH_PATH = '/grpc.health.v1.Health/Watch';

/** grpc.health.v1.HealthCheckResponse.ServingStatus */
const ServingStatus = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;

/** How often a watched state is looked at. */
const WATCH_INTERVAL_MS = 500;

export interface GrpcHealthOptions {
  /** The service that the state is of; '' means the same. */
  readonly service: string;
  readonly isServing: () => boolean;
  readonly watchersMax: number;
  /** Told of every watcher that is refused for it. */
  readonly onRefused: () => void;
}

/** grpc.health.v1.Health, for one service. */
export class GrpcHealth {
  readonly #options: GrpcHealthOptions;
  /** The last status sent to each watcher. */
  readonly #watchers = new Map<ServerHttp2Stream, number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: GrpcHealthOptions) {
    this.#options = options;
  }

  /** The answer to Check, a HealthCheckResponse. Throws `GrpcError`. */
  check(request: Uint8Array): Buffer {
    const service = requestedService(request);
    if (!this.#knows(service)) {
      throw new GrpcError(StatusCode.notFound, `there is no service ${JSON.stringify(service.slice(0, 200))} here`);
    }
    return varintField(1, this.#status());
  }

  /**
   * Answers Watch: the state now, and again whenever it changes, until the caller ends the stream. Throws `GrpcError`.
   */
  watch(request: Uint8Array, stream: ServerHttp2Stream): void {
    const service = requestedService(request);
    if (this.#watchers.size >= this.#options.watchersMax) {
      this.#options.onRefused();
      throw new GrpcError(
        StatusCode.resourceExhausted,
        `${countOf(this.#options.watchersMax, 'caller watches', 'callers watch')} already`,
      );
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    // Only the end of the collector ends it from our side.
    stream.on('wantTrailers', () =>
      stream.sendTrailers({
        'grpc-status': String(StatusCode.unavailable),
        'grpc-message': 'the collector is stopping',
      }),
    );
    const status = this.#knows(service) ? this.#status() : ServingStatus.serviceUnknown;
    stream.write(framed(varintField(1, status)));
    this.#watchers.set(stream, status);
    stream.on('close', () => this.#forget(stream));
    this.#timer ??= setInterval(() => this.#tellChanges(), WATCH_INTERVAL_MS).unref();
  }

  /** Whether the stream stays open for what is to come. */
  isWatched(stream: ServerHttp2Stream): boolean {
    return this.#watchers.has(stream);
  }

  /** Tells watchers that the service has ended, and ends their streams. */
  close(): void {
    this.#tellChanges();
    for (const stream of this.#watchers.keys()) stream.end();
  }

  #knows(service: string): boolean {
    return service === '' || service === this.#options.service;
  }

  #status(): number {
    return this.#options.isServing() ? ServingStatus.serving : ServingStatus.notServing;
  }

  #tellChanges(): void {
    const status = this.#status();
    for (const [stream, sent] of this.#watchers) {
      if (sent === status || sent === ServingStatus.serviceUnknown || stream.destroyed) continue;
      stream.write(framed(varintField(1, status)));
      this.#watchers.set(stream, status);
    }
  }

  #forget(stream: ServerHttp2Stream): void {
    this.#watchers.delete(stream);
    if (this.#watchers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** The one field of a HealthCheckRequest. */
function requestedService(request: Uint8Array): string {
  const reader = new ProtobufReader(request);
  let service = '';
  try {
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag !== 0x0a) {
        reader.skip(tag);
        continue;
      }
      reader.range();
      service = Buffer.from(request.subarray(reader.start, reader.stop)).toString('utf8');
    }
  } catch (error) {
    if (!(error instanceof MalformedRequestError)) throw error;
    throw new GrpcError(StatusCode.invalidArgument, `malformed protobuf: ${error.message}`, { cause: error });
  }
  return service;
}
