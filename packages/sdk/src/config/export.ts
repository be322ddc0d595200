import { readFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import { checkFunction, checkKnownNames, checkObjectWith, checkOneOf, checkUrl, shownUrl } from '../runtime/checks.ts';
import type { ExporterName, OtlpProtocol } from '../export/export-settings.ts';
import { siblingUrl, TRACES_PATH } from '../export/sibling-url.ts';
import { parseKeyValues, type ConfigEnvironment } from './environment.ts';
import type { Config, TracerOptions } from './options.ts';
import { ConfigError, wrongValue, NOT_SHOWN } from '../runtime/config-error.ts';
import { hasZstd, type Compression } from '../export/transport/compression.ts';
import { FOR_TRACER, type Exporter } from '../export/exporter-option.ts';
import { portHint } from '../export/transport/failure-hint.ts';
import { NO_PROXIES, type ProxySettings } from '../export/transport/proxy.ts';
import type { TlsOptions } from '../export/transport/route.ts';
import type { Transport } from '../export/transport/transport.ts';
import { nodeModules } from '../runtime/node-modules.ts';
import { property } from '../runtime/property.ts';
import { shown } from '../runtime/shown.ts';
import { withoutSecrets } from '../runtime/without-secrets.ts';
import { severalExporters } from '../export/several-exporters.ts';

type ExportConfig = Pick<
  Config,
  | 'exporter'
  | 'tracesUrl'
  | 'metricsUrl'
  | 'protocol'
  | 'compression'
  | 'headers'
  | 'metricsHeaders'
  | 'tls'
  | 'proxies'
  | 'agent'
  | 'transport'
>;

const DEFAULT_ENDPOINT = 'http://127.0.0.1:4318';
const TRACES_ENDPOINT = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
const EXPORTERS: readonly ExporterName[] = ['otlp', 'console', 'none'];
const PROTOCOLS: readonly OtlpProtocol[] = ['http/protobuf', 'http/json'];

/** Where spans go, and how. */
export function resolveExport(options: TracerOptions, env: ConfigEnvironment, zipkin: () => Exporter): ExportConfig {
  const exporter = env.choose<ExporterName | Exporter>(
    'exporter',
    checkExporter(options.exporter),
    () => environmentExporter(env, zipkin),
    'otlp',
  );
  const tracesUrl = resolveTracesUrl(options.endpoint, env);
  const hint = portHint(tracesUrl);
  if (hint !== undefined && exporter === 'otlp') {
    env.warnings.push(`export to ${shownUrl(new URL(tracesUrl))} will likely fail: ${hint}`);
  }
  return {
    exporter,
    tracesUrl,
    metricsUrl: resolveMetricsUrl(options.metricsUrl, tracesUrl, env),
    protocol: env.choose(
      'protocol',
      checkOneOf('protocol', options.protocol, PROTOCOLS),
      () =>
        environmentProtocol(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ??
        environmentProtocol(env, 'OTEL_EXPORTER_OTLP_PROTOCOL'),
      'http/protobuf',
    ),
    compression: env.choose(
      'compression',
      checkCompression(options.compression),
      () => environmentCompression(env),
      'none',
    ),
    headers: Object.freeze(
      env.choose(
        'headers',
        checkHeaders(options.headers),
        () => environmentHeaders(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'),
        {},
      ),
    ),
    metricsHeaders: options.headers ?? environmentHeaders(env, 'OTEL_EXPORTER_OTLP_METRICS_HEADERS') ?? {},
    tls: resolveTls(options.tls, env),
    proxies: Object.freeze(resolveProxies(options.proxy, env)),
    agent: checkAgent(options.agent),
    transport: checkTransport(options.transport),
  };
}

const PROXY_ACCEPTED = 'an http:// or https:// URL';

/** The option, for every collector; else the variables that curl and others read. */
function resolveProxies(given: string | false | undefined, env: ConfigEnvironment): ProxySettings {
  return env.choose<ProxySettings>('proxy', checkProxy(given), () => environmentProxies(env), NO_PROXIES);
}

function checkProxy(given: unknown): ProxySettings | undefined {
  if (given === undefined) return undefined;
  if (given === false) return NO_PROXIES;
  const url = typeof given === 'string' ? proxyUrl(given) : undefined;
  if (url !== undefined) return { https: url, http: url, except: '' };
  const accepted = `false, or ${PROXY_ACCEPTED}`;
  throw wrongValue('proxy', typeof given === 'string' ? withoutSecrets(given) : given, accepted);
}

function environmentProxies(env: ConfigEnvironment): ProxySettings | undefined {
  const read = (variable: string): string | undefined =>
    env.read(
      variable,
      (text) => {
        const url = proxyUrl(text);
        return url === undefined ? PROXY_ACCEPTED : { url };
      },
      withoutSecrets,
    )?.url;
  const except = env.string('no_proxy') ?? env.string('NO_PROXY') ?? '';
  // Of a CGI program whoever sends it a Proxy header sets this variable (CVE-2016-5385).
  const isCgi = env.string('REQUEST_METHOD') !== undefined;
  const http = read('http_proxy') ?? (isCgi ? undefined : read('HTTP_PROXY'));
  const https = read('https_proxy') ?? read('HTTPS_PROXY');
  return https === undefined && http === undefined ? undefined : { https, http, except };
}

/** A proxy's URL, or `host:port` alone. */
function proxyUrl(text: string): string | undefined {
  const whole = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url.href : undefined;
}

function checkAgent(given: Agent | undefined): Agent | undefined {
  if (given === undefined || typeof property(given, 'addRequest') === 'function') return given;
  throw wrongValue('agent', given, 'an Agent of node:http or node:https');
}

function checkTransport(given: Transport | undefined): Transport | undefined {
  checkObjectWith('transport', given, ['send']);
  for (const name of ['sendBlocking', 'close'] as const) {
    checkFunction(`transport.${name}`, property(given, name), 'a function');
  }
  return given;
}

function checkExporter(given: unknown): ExporterName | Exporter | undefined {
  if (given === undefined || EXPORTERS.includes(given as ExporterName)) return given as ExporterName | undefined;
  const isExporter = typeof given === 'object' && given !== null && typeof property(given, FOR_TRACER) === 'function';
  if (isExporter) return given as Exporter;
  const accepted = `${EXPORTERS.map((name) => `'${name}'`).join(', ')}, or an exporter such as zipkin()`;
  throw wrongValue('exporter', given, accepted);
}

/** One name, or several with commas between them. */
function environmentExporter(env: ConfigEnvironment, zipkin: () => Exporter): ExporterName | Exporter | undefined {
  const found = env.read('OTEL_TRACES_EXPORTER', (text) => {
    const names = text
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()) as (ExporterName | 'zipkin')[];
    const isAlone = names.length === 1 || !names.includes('none');
    const isKnown = names.every((name) => name === 'zipkin' || EXPORTERS.includes(name));
    return isAlone && isKnown ? { names } : 'one or more of otlp, console and zipkin, or none';
  });
  const exporters = found?.names.map((name) => (name === 'zipkin' ? zipkin() : name));
  return exporters === undefined || exporters.length === 1 ? exporters?.[0] : severalExporters(exporters);
}

function resolveTracesUrl(endpoint: string | undefined, env: ConfigEnvironment): string {
  const option = checkUrl('endpoint', endpoint);
  return env.choose(
    'endpoint',
    option === undefined ? undefined : withTracesPath(option, 'endpoint', env),
    () => {
      const whole = env.url(TRACES_ENDPOINT);
      return whole === undefined ? environmentTracesUrl(env) : wholeTracesUrl(whole, env);
    },
    DEFAULT_ENDPOINT + TRACES_PATH,
  );
}

function environmentTracesUrl(env: ConfigEnvironment): string | undefined {
  const base = env.url('OTEL_EXPORTER_OTLP_ENDPOINT');
  return base === undefined ? undefined : withTracesPath(base, 'OTEL_EXPORTER_OTLP_ENDPOINT', env);
}

function resolveMetricsUrl(given: string | undefined, tracesUrl: string, env: ConfigEnvironment): string {
  const option = checkUrl('metricsUrl', given)?.href;
  // A whole address for traces says nothing of metrics.
  const isBase = env.sources['endpoint'] !== TRACES_ENDPOINT;
  const sibling = isBase ? tracesUrl : (environmentTracesUrl(env) ?? DEFAULT_ENDPOINT + TRACES_PATH);
  const fromEnv = (): string | undefined => env.url('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT')?.href;
  return env.choose('metricsUrl', option, fromEnv, siblingUrl(sibling, '/v1/metrics'));
}

function withTracesPath(base: URL, setting: string, env: ConfigEnvironment): string {
  const url = new URL(base);
  let path = url.pathname.replace(/\/+$/, '');
  if (url.protocol === 'unix:' && !path.includes(':/')) path += ':';
  if (path.endsWith(TRACES_PATH)) {
    while (path.endsWith(TRACES_PATH)) path = path.slice(0, -TRACES_PATH.length);
    env.warnings.push(`${setting} already ends in ${TRACES_PATH}; not appended again`);
  }
  url.pathname = path + TRACES_PATH;
  return url.href;
}

/** This variable is used as it is, and a base URL in it is the mix-up that ends in 404. */
function wholeTracesUrl(url: URL, env: ConfigEnvironment): string {
  if (url.pathname === '/') {
    env.warnings.push(
      `${TRACES_ENDPOINT} has no path and is used as it is: did you mean ${url.origin}${TRACES_PATH}? ` +
        '(to have the path appended, set OTEL_EXPORTER_OTLP_ENDPOINT)',
    );
  }
  return url.href;
}

function environmentProtocol(env: ConfigEnvironment, variable: string): OtlpProtocol | undefined {
  const found = env.read(variable, (text) => {
    const protocol = text.toLowerCase() as OtlpProtocol;
    return PROTOCOLS.includes(protocol)
      ? { protocol }
      : `${PROTOCOLS.join(' or ')} (collectors accept both on port 4318)`;
  });
  return found?.protocol;
}

function availableCompressions(): readonly Compression[] {
  return hasZstd() ? ['none', 'gzip', 'zstd'] : ['none', 'gzip'];
}

/** Asks what Node has where something was given alone, which loads `node:zlib`. */
function checkCompression(given: Compression | undefined): Compression | undefined {
  return given === undefined ? undefined : checkOneOf('compression', given, availableCompressions());
}

function environmentCompression(env: ConfigEnvironment): Compression | undefined {
  const read = (variable: string): { compression: Compression } | undefined =>
    env.read(variable, (text) => {
      const accepted = availableCompressions();
      const compression = text.toLowerCase() as Compression;
      return accepted.includes(compression) ? { compression } : `one of ${accepted.join(', ')} on this version of Node`;
    });
  return (read('OTEL_EXPORTER_OTLP_TRACES_COMPRESSION') ?? read('OTEL_EXPORTER_OTLP_COMPRESSION'))?.compression;
}

const HEADERS_ACCEPTED = 'an object of valid HTTP header names and values';

export function checkHeaders(value: unknown): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongValue('headers', NOT_SHOWN, HEADERS_ACCEPTED);
  }
  for (const [name, header] of Object.entries(value as Record<string, unknown>)) {
    if (typeof header !== 'string' || !isHeader(name, header))
      throw wrongValue(`headers.${name}`, NOT_SHOWN, HEADERS_ACCEPTED);
  }
  return { ...(value as Record<string, string>) };
}

function environmentHeaders(env: ConfigEnvironment, ownVariable: string): Record<string, string> | undefined {
  const read = (variable: string): Record<string, string> | undefined =>
    env.read(
      variable,
      (text) => {
        const pairs = parseKeyValues(text);
        if (typeof pairs === 'string') return pairs;
        const wrong = Object.entries(pairs).find(([name, value]) => !isHeader(name, value));
        if (wrong === undefined) return pairs;
        return `valid HTTP header names and values, which those of ${shown(wrong[0])} are not`;
      },
      null,
    );
  const general = read('OTEL_EXPORTER_OTLP_HEADERS');
  const own = read(ownVariable);
  return general === undefined && own === undefined ? undefined : { ...general, ...own };
}

/** What Node would refuse otherwise with every single request. */
function isHeader(name: string, value: string): boolean {
  try {
    nodeModules.http.validateHeaderName(name);
    nodeModules.http.validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

const TLS_VARIABLES = {
  ca: ['OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE', 'OTEL_EXPORTER_OTLP_CERTIFICATE'],
  cert: ['OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE', 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE'],
  key: ['OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY', 'OTEL_EXPORTER_OTLP_CLIENT_KEY'],
} as const;

function resolveTls(given: TlsOptions | undefined, env: ConfigEnvironment): TlsOptions {
  // What stands where an object with a key belongs may be the key.
  const isShown = given === undefined || (typeof given === 'object' && !Array.isArray(given));
  checkKnownNames('tls', isShown ? given : NOT_SHOWN, TLS_VARIABLES);
  const of = (name: keyof typeof TLS_VARIABLES): string | undefined =>
    env.choose<string | undefined>(
      `tls.${name}`,
      checkPemText(`tls.${name}`, given?.[name]),
      () => environmentFile(env, TLS_VARIABLES[name][0]) ?? environmentFile(env, TLS_VARIABLES[name][1]),
      undefined,
    );
  const tls = { ca: of('ca'), cert: of('cert'), key: of('key') };
  checkPem(tls, env);
  return Object.freeze(tls);
}

const PEM_ACCEPTED = 'the text of a PEM file, including its -----BEGIN line';

function checkPemText(setting: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw wrongValue(setting, NOT_SHOWN, PEM_ACCEPTED);
}

/** What Node would reject with every single connection, or ignore silently. */
function checkPem(
  tls: { ca: string | undefined; cert: string | undefined; key: string | undefined },
  env: ConfigEnvironment,
): void {
  for (const name of ['ca', 'cert', 'key'] as const) {
    const text = tls[name];
    const problem = text === undefined ? undefined : pemProblem(name, text);
    if (problem === undefined) continue;
    const setting = `tls.${name}`;
    const source = env.sources[setting];
    if (source === 'option') throw new ConfigError(setting, `${setting}: ${problem}`);
    env.warnings.push(`${source} is ignored: in the file that it names, ${problem}`);
    tls[name] = undefined;
    env.sources[setting] = 'default';
  }
  checkPair(tls, env);
}

/** A certificate and a key that do not belong together, or one without the other. */
function checkPair(tls: { cert: string | undefined; key: string | undefined }, env: ConfigEnvironment): void {
  const { cert, key } = tls;
  const problem = pairProblem(cert, key);
  if (problem === undefined) return;
  const sources = [env.sources['tls.cert'], env.sources['tls.key']];
  if (sources.includes('option')) throw new ConfigError('tls', problem);
  const named = sources.filter((source) => source !== 'default').join(' and ');
  env.warnings.push(`${named} ${named.includes(' ') ? 'are' : 'is'} ignored: ${problem}`);
  tls.cert = undefined;
  tls.key = undefined;
  env.sources['tls.cert'] = 'default';
  env.sources['tls.key'] = 'default';
}

function pairProblem(cert: string | undefined, key: string | undefined): string | undefined {
  if (cert === undefined) return key === undefined ? undefined : 'tls.key needs the certificate in tls.cert';
  if (key === undefined) return 'tls.cert needs its private key in tls.key';
  const reason = opensslReason({ cert, key });
  return reason === undefined ? undefined : `tls.cert and tls.key do not belong together (${reason})`;
}

/** What is wrong with a PEM text, without a word of what it says. */
function pemProblem(name: 'ca' | 'cert' | 'key', text: string): string | undefined {
  const wanted = name === 'key' ? 'a private key' : 'a certificate';
  const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1];
  if (label === undefined) {
    const hint = text.includes('\n') ? '' : '; if this is a path, read the file and pass its text';
    return `no -----BEGIN line was found, expected the text of a PEM file with ${wanted}${hint}`;
  }
  const reason = opensslReason({ [name]: text }) ?? (name === 'ca' ? unreadableReason(text) : undefined);
  if (reason === undefined) return undefined;
  if (name === 'key' && (label.includes('ENCRYPTED') || /^Proc-Type:.*ENCRYPTED/m.test(text))) {
    return 'the private key is encrypted, expected one without a passphrase: decrypt it first (openssl pkey)';
  }
  const isOther = name === 'key' ? !text.includes('PRIVATE KEY-----') : !text.includes('CERTIFICATE-----');
  return isOther ? `found "${label}", expected ${wanted}` : `${wanted} in PEM cannot be read (${reason})`;
}

/** Why no certificate can be read in a text: OpenSSL skips silently what is none, and would then trust nobody. */
function unreadableReason(text: string): string | undefined {
  let reason: string | undefined = 'no certificate';
  for (const [block] of text.matchAll(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]+-----/g)) {
    try {
      if (new nodeModules.crypto.X509Certificate(block).fingerprint256 !== '') return undefined;
    } catch (error) {
      reason = codeOf(error);
    }
  }
  return reason;
}

function codeOf(error: unknown): string {
  const code = property(error, 'reason') ?? property(error, 'code');
  return typeof code === 'string' ? code : 'unknown reason';
}

/** Why OpenSSL does not accept these, by its own code, which holds nothing of them. */
function opensslReason(parts: { ca?: string; cert?: string; key?: string }): string | undefined {
  try {
    nodeModules.tls.createSecureContext(parts);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The text of the file that a variable names. */
function environmentFile(env: ConfigEnvironment, variable: string): string | undefined {
  const found = env.read(variable, (path) => {
    try {
      return { text: readFileSync(path, 'utf8') };
    } catch {
      return 'a readable file';
    }
  });
  return found?.text;
}
