import { property } from '../runtime/property.ts';
import { storedValue, type Attributes } from '../span/attributes.ts';
import { DEFAULT_SPAN_LIMITS } from '../span/span-limits.ts';

/**
 * The standard SDK's interface: a detector written for it works here. An attribute may be a promise, and so may the
 * result.
 * @see https://opentelemetry.io/docs/specs/otel/resource/sdk/#detecting-resource-information-from-the-environment
 */
export interface ResourceDetector {
  /** Called once. What it throws or rejects with is ignored. */
  detect(): DetectedAttributes | Promise<DetectedAttributes>;
}

interface DetectedAttributes {
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  readonly schemaUrl?: string | undefined;
}

/** What `detectResource` found: two options of a tracer. */
export interface DetectedResource {
  /** The attributes of all detectors; those of later ones replace those of earlier ones. */
  readonly resource: Attributes;
  /** The one schema URL that the detectors name; absent where they name none or several. */
  readonly resourceSchemaUrl?: string;
}

/** Longer than a cloud's metadata service takes, which is near. */
const TIMEOUT_MS = 2000;

/**
 * Runs detectors of attributes of this process and where it runs, for the tracer's options. They run at once; of an
 * attribute that several know, the last detector's counts. What fails, or is not known after `timeoutMs` milliseconds
 * (2000 by default), is omitted. Never rejects.
 * @example
 * const detector = { detect: () => ({ attributes: { 'cloud.region': 'eu-west-1' } }) };
 * new Tracer({ service: 'api', ...(await detectResource([detector])) });
 * @see https://opentelemetry.io/docs/specs/otel/resource/sdk/#detecting-resource-information-from-the-environment
 */
export async function detectResource(
  detectors: readonly ResourceDetector[],
  timeoutMs = TIMEOUT_MS,
): Promise<DetectedResource> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), timeoutMs)));
  const inTime = <T>(value: T | Promise<T>): Promise<T | undefined> =>
    Promise.race([Promise.resolve(value).catch(() => undefined), late]);
  const found = await Promise.all(
    (Array.isArray(detectors) ? detectors : []).map((detector: ResourceDetector) => detectOne(detector, inTime)),
  );
  clearTimeout(timer);
  const schemaUrls = new Set(
    found.map(({ schemaUrl }) => schemaUrl).filter((url) => typeof url === 'string' && url !== ''),
  );
  const [resourceSchemaUrl] = schemaUrls;
  return {
    resource: Object.assign({}, ...found.map(({ attributes }) => attributes)) as Attributes,
    ...(schemaUrls.size === 1 && resourceSchemaUrl !== undefined ? { resourceSchemaUrl } : {}),
  };
}

async function detectOne(
  detector: ResourceDetector,
  inTime: <T>(value: T | Promise<T>) => Promise<T | undefined>,
): Promise<DetectedAttributes> {
  try {
    const detected = (await inTime(detector.detect())) ?? {};
    const pairs = rawAttributes(detected);
    const values = await Promise.all(pairs.map(([, value]) => inTime(value)));
    const known = pairs.map(([key], i) => [key, values[i]] as const);
    return {
      attributes: Object.fromEntries(known.filter(([, value]) => isAttribute(value))),
      schemaUrl: detected.schemaUrl,
    };
  } catch {
    return {};
  }
}

/** A resource of the standard SDK shows under `attributes` only what is known already. */
function rawAttributes(detected: DetectedAttributes): (readonly [key: string, value: unknown])[] {
  const raw = property(detected, 'getRawAttributes');
  const pairs: unknown = typeof raw === 'function' ? raw.call(detected) : Object.entries(detected.attributes ?? {});
  return Array.isArray(pairs) ? (pairs as [string, unknown][]) : [];
}

function isAttribute(value: unknown): boolean {
  return value !== undefined && value !== null && storedValue(value, DEFAULT_SPAN_LIMITS) !== undefined;
}
