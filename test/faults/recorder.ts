import type { GeneratedEvent, GeneratedLink, GeneratedSpan } from './incident.ts';
import type { Random } from './random.ts';
import type { Simulation } from './simulation.ts';
import type { Failure, Instance, Request, Service } from './parts.ts';

export const Kind = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** A span that has begun. */
export interface OpenSpan {
  readonly request: Request;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly service: Service;
  readonly instance: Instance;
  readonly resource: Readonly<Record<string, string>>;
  readonly name: string;
  readonly kind: number;
  readonly startMs: number;
  /** Ahead of true time, while it runs. */
  readonly clockMs: number;
  readonly attributes: Record<string, string | number | boolean>;
  readonly events: GeneratedEvent[];
  readonly links: readonly GeneratedLink[];
  statusCode: number;
  statusMessage: string;
}

export interface RecorderOptions {
  /** The first moment of the simulation. */
  readonly originUnixNano: bigint;
  readonly plain: boolean;
  readonly sampling: number;
}

/** Makes spans of what the traffic does, and keeps those that are sampled. Ids do not depend on what is kept. */
export class Recorder {
  readonly #simulation: Simulation;
  readonly #random: Random;
  readonly #options: RecorderOptions;
  readonly #windows = new Map<number, GeneratedSpan[]>();
  readonly #resources = new Map<string, Readonly<Record<string, string>>>();

  constructor(simulation: Simulation, random: Random, options: RecorderOptions) {
    this.#simulation = simulation;
    this.#random = random;
    this.#options = options;
  }

  newTraceId(): string {
    return this.#random.hex(32);
  }

  start(
    request: Request,
    parentSpanId: string,
    service: Service,
    instance: Instance,
    name: string,
    kind: number,
    links: readonly GeneratedLink[] = [],
  ): OpenSpan {
    return {
      request,
      spanId: this.#random.hex(16),
      parentSpanId,
      service,
      instance,
      resource: this.#resourceOf(instance, service),
      name,
      kind,
      startMs: this.#simulation.now,
      clockMs: instance.host.clockMs,
      attributes: {},
      events: [],
      links,
      statusCode: 0,
      statusMessage: '',
    };
  }

  /** Notes an error as instrumentation does: the status and its type, and perhaps the exception. */
  fail(span: OpenSpan, failure: Failure, hasException: boolean): void {
    const shows = failure.shows ?? 'all';
    if (shows !== 'exception') {
      span.statusCode = 2;
      span.statusMessage = failure.message;
      span.attributes['error.type'] = failure.type;
    }
    if (shows !== 'status' && hasException) {
      span.events.push({
        name: 'exception',
        timeUnixNano: this.#unixNano(this.#simulation.now + span.clockMs),
        attributes: { 'exception.type': failure.type, 'exception.message': failure.message },
      });
    }
  }

  end(span: OpenSpan): void {
    const { request, service } = span;
    if (request.window < 0) return;
    const threshold = thresholdOf(service.samplingFactor * this.#options.sampling);
    if (request.traceId.slice(-14) < threshold) return;
    const spans = this.#windows.get(request.window) ?? [];
    this.#windows.set(request.window, spans);
    const { plain } = this.#options;
    spans.push({
      traceId: request.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      traceState: threshold === NEVER_BELOW ? '' : `ot=th:${threshold.replace(/0+$/, '')}`,
      service: service.name,
      resource: span.resource,
      name: span.name,
      kind: plain ? 0 : span.kind,
      startUnixNano: this.#unixNano(span.startMs + span.clockMs),
      endUnixNano: this.#unixNano(this.#simulation.now + span.clockMs),
      statusCode: plain ? 0 : span.statusCode,
      statusMessage: plain ? '' : span.statusMessage,
      attributes: plain ? {} : span.attributes,
      events: plain ? [] : span.events,
      links: plain ? [] : span.links,
    });
  }

  /** Hands over the spans of a window so far, by their start. */
  take(window: number): GeneratedSpan[] {
    const spans = this.#windows.get(window) ?? [];
    this.#windows.delete(window);
    return spans.toSorted(byStart);
  }

  #resourceOf(instance: Instance, service: Service): Readonly<Record<string, string>> {
    const key = `${instance.id} ${instance.version.name}`;
    let resource = this.#resources.get(key);
    if (!resource) {
      resource = this.#options.plain
        ? { 'service.name': service.name, 'service.instance.id': instance.id }
        : {
            'service.name': service.name,
            'service.version': instance.version.name,
            'service.instance.id': instance.id,
            'host.name': instance.host.name,
            'cloud.availability_zone': instance.host.zone,
            'deployment.environment.name': 'production',
            'telemetry.sdk.language': service.plan.language,
          };
      this.#resources.set(key, resource);
    }
    return resource;
  }

  #unixNano(ms: number): bigint {
    return this.#options.originUnixNano + BigInt(Math.round(ms * 1e6));
  }
}

/** By their start; where that is equal, by their id. */
export function byStart(a: GeneratedSpan, b: GeneratedSpan): number {
  if (a.startUnixNano !== b.startUnixNano) return a.startUnixNano < b.startUnixNano ? -1 : 1;
  return a.spanId < b.spanId ? -1 : 1;
}

const NEVER_BELOW = '0'.repeat(14);
const thresholds = new Map<number, string>();

/** The threshold of consistent probability sampling as 14 digits, of which four count besides leading `f`s. */
function thresholdOf(probability: number): string {
  let threshold = thresholds.get(probability);
  if (threshold === undefined) {
    if (!(probability > 0 && probability <= 1)) throw new RangeError(`no probability of sampling: ${probability}`);
    const exact = (BigInt(Math.round((1 - probability) * 2 ** 52)) << 4n).toString(16).padStart(14, '0');
    const digits = 4 + (/^f*/.exec(exact)?.[0].length ?? 0);
    threshold = exact.slice(0, digits).padEnd(14, '0');
    thresholds.set(probability, threshold);
  }
  return threshold;
}
