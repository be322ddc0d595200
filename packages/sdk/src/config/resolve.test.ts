import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from './resolve.ts';
import { OPTION_NAMES, type TracerOptions } from './options.ts';
import { ConfigError } from '../runtime/config-error.ts';
import { newCertificate } from '../test-support/certificate.ts';

/** What has the form of PEM, and nothing in it. */
const PEM = (label: string): string => `-----BEGIN ${label}-----\nno\n-----END ${label}-----`;
/** Two of different people. */
const { cert: CERTIFICATE } = newCertificate('DNS:a.test');
const { key: OTHER_KEY } = newCertificate('DNS:b.test');

type Mistake = readonly [options: TracerOptions, env: Readonly<Record<string, string>>, warning: RegExp];

/** What is accepted, and is most likely not what was meant; and how the warning is known. */
const MIX_UPS: readonly Mistake[] = [
  [{ endpoint: 'http://c:4318/v1/traces' }, {}, /^endpoint .*\/v1\/traces/],
  [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/v1/traces' }, /^OTEL_EXPORTER_OTLP_ENDPOINT .*\/v1\/traces/],
  [{}, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318' }, /you mean http:\/\/c:4318\/v1\/traces\?/],
  [{ endpoint: 'http://me:secret@c:4317' }, {}, /http:\/\/c:4317\/v1\/traces .*gRPC.* 4318/],
  [{ endpoint: 'http://c:4319' }, {}, /: 4319 .*Throughline's UI/],
  [{}, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /got "grpc", expected http\/protobuf or http\/json \(/],
  [{}, { OTEL_TRACES_SAMPLER: 'parentbased_jaeger_remote' }, /sampling: remote\(\)\)$/],
  [{}, { OTEL_TRACES_EXPORTER: 'otlp,none' }, /^OTEL_TRACES_EXPORTER .*got "otlp,none", expected /],
  [{}, { OTEL_TRACES_EXPORTER: 'otlp,jaeger' }, /^OTEL_TRACES_EXPORTER .*got "otlp,jaeger", expected /],
  [{}, { OTEL_EXPORTER_OTLP_CERTIFICATE: '/not/there' }, /^OTEL_EXPORTER_OTLP_CERTIFICATE .*readable file$/],
  [{}, { OTEL_EXPORTER_OTLP_HEADERS: 'a b=1' }, /^OTEL_EXPORTER_OTLP_HEADERS .*"a b"/],
];

const WRONG_VARIABLES = {
  OTEL_BSP_SCHEDULE_DELAY: 'soon',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
  OTEL_TRACES_SAMPLER: 'some',
  OTEL_SDK_DISABLED: 'yes',
  OTEL_RESOURCE_ATTRIBUTES: 'nothing',
  OTEL_SPAN_EVENT_COUNT_LIMIT: '',
};

/** Options with a value that is not accepted, and the setting that it is the value of. */
const WRONG_OPTIONS: readonly (readonly [options: unknown, setting: string])[] = [
  [{ service: '' }, 'service'],
  [{ service: 5 }, 'service'],
  [{ sampling: 1.5 }, 'sampling'],
  [{ requestMetrics: true }, 'requestMetrics'],
  [{ metricsUrl: 'collector' }, 'metricsUrl'],
  [{ metricExportIntervalMillis: 0 }, 'metricExportIntervalMillis'],
  [{ sampling: '1' }, 'sampling'],
  [{ sampling: NaN }, 'sampling'],
  [{ endpoint: 'collector' }, 'endpoint'],
  [{ endpoint: 'ftp://collector' }, 'endpoint'],
  [{ register: 'no' }, 'register'],
  [{ resource: [] }, 'resource'],
  [{ headers: { a: 1 } }, 'headers.a'],
  [{ headers: { a: 'x\ny' } }, 'headers.a'],
  [{ headers: ['a'] }, 'headers'],
  [{ exporter: 'zipkin' }, 'exporter'],
  [{ protocol: 'grpc' }, 'protocol'],
  [{ compression: 'br' }, 'compression'],
  [{ propagators: 'b3' }, 'propagators'],
  [{ propagators: [{}] }, 'propagators'],
  [{ scheduledDelayMillis: Infinity }, 'scheduledDelayMillis'],
  [{ exportConcurrency: 0 }, 'exportConcurrency'],
  [{ waitUntil: {} }, 'waitUntil'],
  [{ log: console }, 'log'],
  [null, 'options'],
  [{ limits: { eventCountLimit: -1 } }, 'limits.eventCountLimit'],
  [{ limits: { eventCountLimit: 1.5 } }, 'limits.eventCountLimit'],
  [{ limits: [] }, 'limits'],
  [{ retry: { maxAttempts: 0 } }, 'retry.maxAttempts'],
  [{ retry: { maxAttempts: 1.5 } }, 'retry.maxAttempts'],
  [{ maxExportBatchSize: 1.5 }, 'maxExportBatchSize'],
  [{ clock: {} }, 'clock'],
  [{ agent: { maxSockets: 5, proxy: 'http://user:password@proxy' } }, 'agent'],
  [{ spanExporters: [new Date(0)] }, 'spanExporters'],
  [{ transport: () => 1 }, 'transport'],
  [{ clock: { monotonicMs: () => 0, wallMs: () => 0 } }, 'clock.timeOriginUnixMs'],
  [{ ids: null }, 'ids'],
  [{ resource: null }, 'resource'],
  [{ resource: { shop: Symbol('s') } }, 'resource["shop"]'],
  [{ scheduledDelayMillis: 0 }, 'scheduledDelayMillis'],
  [{ flushTimeoutMillis: '5' }, 'flushTimeoutMillis'],
];

/** Options that are wrong in another way, the setting that is at fault, and how the reason is known. */
const MISTAKEN_OPTIONS: readonly (readonly [options: object, setting: string, message: RegExp])[] = [
  [{ servce: 'typo' }, 'servce', /servce \(.*service\?\)$/],
  [{ tls: { CA: '' } }, 'tls.CA', /tls\.CA \(.*tls\.ca\?\)$/],
  [{ retry: { tries: 1 } }, 'retry.tries', / retry\.tries \(supported: maxAttempts, initialDelayMillis, /],
  [{ ['x'.repeat(1000)]: 1 }, 'x'.repeat(1000), / x{99}… \(supported: .*docs\/sdk-reference\.md\)$/],
  [{ children: 'own' }, 'children', / children \(renamed to unsampledChildren\)$/],
  [{ counters: 'otlp' }, 'counters', / counters \(renamed to requestMetrics\)$/],
  [{ tls: { children: 1 } }, 'tls.children', / tls\.children \(supported: ca, /],
  [{ tls: { ca: 'ca.pem' } }, 'tls.ca', /^tls\.ca: no -----BEGIN line .*read the file/],
  // OpenSSL takes both without a word, and then trusts nobody.
  [{ tls: { ca: PEM('PRIVATE KEY') } }, 'tls.ca', /^tls\.ca: found "PRIVATE KEY", expected /],
  [{ tls: { ca: PEM('CERTIFICATE') } }, 'tls.ca', /^tls\.ca: .*cannot be read \(/],
  [{ tls: { key: PEM('PRIVATE KEY') } }, 'tls.key', /^tls\.key: .*cannot be read \(/],
  [{ tls: { key: PEM('ENCRYPTED PRIVATE KEY') } }, 'tls.key', /^tls\.key: .* encrypted.*decrypt/],
  [{ tls: { key: PEM('CERTIFICATE') } }, 'tls.key', /^tls\.key: found "CERTIFICATE", expected /],
  [{ tls: { cert: CERTIFICATE } }, 'tls', /^tls\.cert .*private key .*tls\.key$/],
  [{ tls: { cert: CERTIFICATE, key: OTHER_KEY } }, 'tls', /^tls\.cert and tls\.key .*key values mismatch\)$/],
];

describe('the configuration', () => {
  it('has these defaults', () => {
    const config = resolveConfig({}, {});
    expect(config).toMatchObject({
      enabled: true,
      service: 'unknown_service:node',
      sampling: { ratio: 1, parentBased: true },
      tracesUrl: 'http://127.0.0.1:4318/v1/traces',
      headers: {},
      register: true,
      scheduledDelayMillis: 5000,
      maxExportBatchSize: Infinity,
      maxExportBatchBytes: 262_144,
      maxQueueBytes: 33_554_432,
      exportTimeoutMillis: 10_000,
      retry: { maxAttempts: 10, initialDelayMillis: 1000, maxDelayMillis: 30_000 },
      flushOnExit: true,
      flushTimeoutMillis: 5000,
      limits: { attributeCountLimit: 128, attributeValueLengthLimit: Infinity, eventCountLimit: 128 },
      warnings: [],
    });
    expect(new Set(Object.values(config.sources))).toEqual(new Set(['default']));
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('prefers an option to the environment, and the environment to the default, and says which it was', () => {
    const env = {
      OTEL_SERVICE_NAME: 'from-env',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=from-resource,team=a%2Cb',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '5',
      OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '9',
      OTEL_SDK_DISABLED: 'TRUE',
      OTEL_EXPORTER_OTLP_TIMEOUT: '7',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=secret%20key, x=1',
    };
    const config = resolveConfig({ scheduledDelayMillis: 50, limits: { eventCountLimit: 1 } }, env);
    expect(config).toMatchObject({
      service: 'from-env',
      scheduledDelayMillis: 50,
      enabled: false,
      exportTimeoutMillis: 7,
      headers: { 'api-key': 'secret key', x: '1' },
      limits: { attributeCountLimit: 5, attributeValueLengthLimit: 9, eventCountLimit: 1 },
    });
    expect(config.resource).toMatchObject({ 'service.name': 'from-env', team: 'a,b' });
    expect(config.sources).toMatchObject({
      service: 'OTEL_SERVICE_NAME',
      scheduledDelayMillis: 'option',
      enabled: 'OTEL_SDK_DISABLED',
      'limits.attributeCountLimit': 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
      'limits.attributeValueLengthLimit': 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
      'limits.eventCountLimit': 'option',
      'limits.linkCountLimit': 'default',
    });
    const { OTEL_SERVICE_NAME: _, ...withoutName } = env;
    expect(resolveConfig({}, withoutName).sources['service']).toBe('OTEL_RESOURCE_ATTRIBUTES');
    expect(resolveConfig({ resource: { 'service.name': 'mine' } }, env).service).toBe('mine');
  });

  it.each([
    ['http://c:4318', undefined, 'http://c:4318/v1/traces'],
    ['http://c:4318/', undefined, 'http://c:4318/v1/traces'],
    ['http://c/otlp', undefined, 'http://c/otlp/v1/traces'],
    ['http://c/v1/traces', undefined, 'http://c/v1/traces'],
    ['http://c/v1/traces/', undefined, 'http://c/v1/traces'],
    [undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/x' }, 'https://c/x/v1/traces'],
    [undefined, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/as-is' }, 'https://c/as-is'],
    ['http://c', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/as-is' }, 'http://c/v1/traces'],
  ])('posts for the endpoint %s and the variables %j to %s', (endpoint, env, url) => {
    expect(resolveConfig({ endpoint }, env ?? {}).tracesUrl).toBe(url);
  });

  it.each<Mistake>(MIX_UPS)('names the mix-up in %j with %j', (options, env, line) => {
    expect(resolveConfig(options, env).warnings).toEqual([expect.stringMatching(line)]);
  });

  it('appends the path once, however often it stands there', () => {
    const { tracesUrl } = resolveConfig({ endpoint: 'http://c/v1/traces/v1/traces' }, {});
    expect(tracesUrl).toBe('http://c/v1/traces');
  });

  it.each<[options: TracerOptions, env: Record<string, string>, url: string]>([
    [{}, {}, 'http://127.0.0.1:4318/v1/metrics'],
    [{ endpoint: 'https://c/base?key=1' }, {}, 'https://c/base/v1/metrics?key=1'],
    [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' }, 'http://c:4318/v1/metrics'],
    [{ endpoint: 'http://c' }, { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m/x' }, 'http://m/x'],
    [{ metricsUrl: 'http://o/y' }, { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m/x' }, 'http://o/y'],
    [{}, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/v1/traces' }, 'http://127.0.0.1:4318/v1/metrics'],
    [
      {},
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/v1/traces', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' },
      'http://c/v1/metrics',
    ],
  ])('sends metrics with %j and %j to %s', (options, env, url) => {
    expect(resolveConfig(options, env)).toMatchObject({ metricsUrl: url, warnings: [] });
  });

  it('keeps headers that are for traces from metrics', () => {
    const env = {
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'c=3',
    };
    expect(resolveConfig({}, env).metricsHeaders).toEqual({ a: '1', b: '1', c: '3' });
    expect(resolveConfig({ headers: { d: '4' } }, env).metricsHeaders).toEqual({ d: '4' });
  });

  it.each([
    ['Collector', 'collector'],
    ['False', false],
    ['otlp', 'otlp'],
  ])('counts for THROUGHLINE_REQUEST_METRICS=%s by %j', (text, requestMetrics) => {
    expect(resolveConfig({}, { THROUGHLINE_REQUEST_METRICS: text }).requestMetrics).toBe(requestMetrics);
  });

  it('says once what is wrong with a variable that several settings read', () => {
    expect(
      resolveConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: 'a', THROUGHLINE_REQUEST_METRICS: 'on' }).warnings.toSorted(),
    ).toEqual([
      expect.stringMatching(/^OTEL_EXPORTER_OTLP_HEADERS is ignored: .*pair 1/),
      expect.stringMatching(/^THROUGHLINE_REQUEST_METRICS is ignored: got "on", /),
    ]);
  });

  it.each([
    ['always_on', undefined, { ratio: 1, parentBased: false }],
    ['always_off', undefined, { ratio: 0, parentBased: false }],
    ['traceidratio', '0.25', { ratio: 0.25, parentBased: false }],
    ['parentbased_always_on', undefined, { ratio: 1, parentBased: true }],
    ['parentbased_always_off', undefined, { ratio: 0, parentBased: true }],
    ['parentbased_traceidratio', '0.5', { ratio: 0.5, parentBased: true }],
    ['traceidratio', 'much', { ratio: 1, parentBased: false }],
  ])('samples for OTEL_TRACES_SAMPLER=%s with %s by %j', (name, arg, sampling) => {
    expect(resolveConfig({}, { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg }).sampling).toEqual(sampling);
  });

  it('ignores wrong variables with a warning that says what is accepted', () => {
    const config = resolveConfig({}, WRONG_VARIABLES);
    expect(config.warnings.toSorted()).toEqual([
      expect.stringMatching(/^OTEL_BSP_SCHEDULE_DELAY is ignored: got "soon", expected /),
      expect.stringMatching(/^OTEL_EXPORTER_OTLP_ENDPOINT is ignored: got "collector:4318", expected /),
      expect.stringMatching(/^OTEL_RESOURCE_ATTRIBUTES is ignored: got "nothing", expected /),
      expect.stringMatching(/^OTEL_SDK_DISABLED is ignored: got "yes", expected /),
      expect.stringMatching(/^OTEL_TRACES_SAMPLER is ignored: got "some", expected /),
    ]);
    expect(config).toMatchObject({ scheduledDelayMillis: 5000, enabled: true });
  });

  it.each(WRONG_OPTIONS)('rejects the options %j and names %s', (options, setting) => {
    const resolve = (): unknown => resolveConfig(options as TracerOptions, {});
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(new RegExp(`^${setting.replaceAll(/[.[\]]/g, '\\$&')}: got .*, expected `));
  });

  it.each(MISTAKEN_OPTIONS)('says what is wrong with %j', (options, setting, message) => {
    const resolve = (): unknown => resolveConfig(options, {});
    expect(resolve).toThrow(expect.objectContaining({ setting, code: 'invalid_config' }) as Error);
    expect(resolve).toThrow(message);
  });

  it('has its messages in config-messages.golden.txt', async () => {
    const warnings = [...MIX_UPS, [{}, WRONG_VARIABLES] as const].flatMap(
      ([options, env]) => resolveConfig(options, env).warnings,
    );
    const errors = [...WRONG_OPTIONS, ...MISTAKEN_OPTIONS].map(([options]) => {
      try {
        resolveConfig(options as TracerOptions, {});
        return '';
      } catch (error) {
        return (error as ConfigError).message;
      }
    });
    const text = ['# Warnings', ...warnings, '', '# Errors', ...errors, ''].join('\n');
    // What OpenSSL says depends on its version, and zstd on Node's.
    const stable = text
      .replaceAll(/(cannot be read|do not belong together) \(.*\)/g, '$1 (…)')
      .replaceAll("'gzip' or 'zstd'", "'gzip'");
    await expect(stable).toMatchFileSnapshot('config-messages.golden.txt');
  });

  it('rejects options that throw when they are read, and says what they threw', () => {
    const options = {
      get service(): string {
        throw new Error('hostile');
      },
    };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const each of [options, { headers: proxy }, { spanProcessors: proxy as [] }]) {
      expect(() => resolveConfig(each, {})).toThrow(ConfigError);
    }
    expect(() => resolveConfig(options, {})).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: 'hostile' }) as Error }) as Error,
    );
  });
});

describe("the guide's table of options", () => {
  const guide = readFileSync(new URL('../../../../docs/sdk-reference.md', import.meta.url), 'utf8');
  const table = guide.slice(guide.indexOf('## Options'), guide.indexOf('## Exporters'));
  const rows = [...table.matchAll(/^\| `([\w.]+)`[^|]*\| ([^|]*) \| ([^|]*)\|$/gm)];
  const defaults = resolveConfig({}, {});

  it('names every setting that can be set', () => {
    const settings = [...Object.keys(defaults.sources), ...Object.keys(defaults.retry).map((name) => `retry.${name}`)];
    const named = [...rows.map(([, option]) => option), 'enabled'];
    expect(named).toEqual(expect.arrayContaining(settings));
    // And every option, whether it is a setting of the environment too or not.
    const names = named.map((name) => name?.split('.')[0]);
    expect([...names, 'ids']).toEqual(expect.arrayContaining(Object.keys(OPTION_NAMES)));
  });

  it('states the defaults that hold', () => {
    const bytes: Record<string, number> = { KiB: 1024, MiB: 1024 * 1024 };
    for (const [, option = '', stated = ''] of rows) {
      const match = /^`?(\d+|true)`?(?: (KiB|MiB))?$/.exec(stated);
      if (match === null || option === 'sampling') continue;
      const value: unknown = option.split('.').reduce<unknown>((at, name) => Reflect.get(Object(at), name), defaults);
      expect([option, value]).toEqual([
        option,
        match[1] === 'true' ? true : Number(match[1]) * (bytes[match[2] ?? ''] ?? 1),
      ]);
    }
  });

  it('names every variable that is read', () => {
    const folder = new URL('.', import.meta.url);
    const files = readdirSync(folder).filter((file) => /^[\w-]+\.ts$/.test(file));
    const read = files.flatMap(
      (file) => readFileSync(new URL(file, folder), 'utf8').match(/'(?:OTEL|THROUGHLINE)_[A-Z_]+'/g) ?? [],
    );
    const missing = read.map((name) => name.slice(1, -1)).filter((name) => !guide.includes(`\`${name}`));
    expect(missing).toEqual([]);
  });

  it('names only variables that are read', () => {
    const folder = new URL('.', import.meta.url);
    const files = readdirSync(folder).filter((file) => /^[\w-]+\.ts$/.test(file));
    const source = files.map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n');
    const variables = rows.flatMap(([, , , environment = '']) => environment.match(/[A-Z_]{8,}/g) ?? []);
    expect(variables.length).toBeGreaterThan(20);
    expect(variables.filter((variable) => !source.includes(`'${variable}'`))).toEqual([]);
  });
});
