import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
const modules = join(packages, '../node_modules');

/** What an example may use without saying where it comes from: what a reader of the docstring sees around it. */
const PRELUDES = {
  sdk: `
import { createServer } from 'node:http';
import * as sdk from '@throughline/sdk';
import {
  adaptive, alwaysOff, alwaysOn, alwaysRecord, anyOf, ConfigError, detectResource, parentThreshold, rateLimit, ratio, remote, rules, traced, Tracer,
} from '@throughline/sdk';
import { httpMiddleware, instrumentHttp } from '@throughline/sdk/http';
import { createTestTracer, InMemoryExporter } from '@throughline/sdk/testing';
import { zipkin } from '@throughline/sdk/zipkin';
declare const tracer: sdk.Tracer;
declare const rootSampler: sdk.OtelSampler;
declare const requestCounter: sdk.SpanProcessor;
`,
  trace: `
import {
  attributeText, compareTraces, criticalNs, criticalPath, dependencyKind, describeComparison, describeCriticalPath, errorOrigins, exclusiveNs, findAttribute, followLinks, formatDuration, inferredDependency, journeyTo, likeCalls,
  similarTraces, slackNs, tellStory, timeByKind, timeByOperation, timeByPath, timeByService, traceFromOtlp, transits, typicalTrace, whatIf, whatIfEach, type Trace, type TracesData,
} from '@throughline/trace';
import { ApiClient, ApiClientError, parseTag, parseTraceId, uiPath, writeTag } from '@throughline/trace/client';
import { readFileSync, writeFileSync } from 'node:fs';
import { readTraces, toJaeger, toOtlp, toZipkin, TraceFormatError } from '@throughline/trace/formats';
import { explainIncident, failureName, normalMessage, sayApart } from '@throughline/trace/insight';
declare const otlpJson: TracesData;
declare const text: string;
declare const trace: Trace;
declare const traces: Trace[];
`,
};

interface Example {
  readonly file: string;
  readonly code: string;
}

/** The code below each `@example` of a file, up to the next tag or the end of the comment. */
function examplesOf(path: string, file: string): Example[] {
  const comments = readFileSync(path, 'utf8').match(/\/\*\*[\s\S]*?\*\//g) ?? [];
  return comments.flatMap((comment) => {
    const lines = comment
      .replace(/\*\/$/, '')
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, ''));
    const examples: Example[] = [];
    let code: string[] | undefined;
    for (const line of [...lines, '@end']) {
      if (!line.startsWith('@')) code?.push(line.replaceAll('\\@', '@'));
      else {
        if (code !== undefined) examples.push({ file, code: code.join('\n') });
        code = line.startsWith('@example') ? [] : undefined;
      }
    }
    return examples;
  });
}

it.each([
  ['sdk', 33],
  ['trace', 16],
] as const)('compiles every example of the docstrings of %s', (name, examplesMin) => {
  const source = join(packages, name, 'src');
  const folder = mkdtempSync(join(tmpdir(), 'examples-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const files = (readdirSync(source, { recursive: true }) as string[]).filter((file) => /(?<!\.test)\.ts$/.test(file));
  const examples = files.flatMap((file) => examplesOf(join(source, file), file));
  expect(examples.length).toBeGreaterThanOrEqual(examplesMin);
  examples.forEach(({ file, code }, at) => {
    writeFileSync(
      join(folder, `${at}.mts`),
      `// ${file}\n${PRELUDES[name]}export async function example() {\n${code}\n}\n`,
    );
  });
  const compilerOptions = {
    noEmit: true,
    strict: true,
    target: 'es2024',
    module: 'nodenext',
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(modules, '@types')],
    paths: {
      '@throughline/sdk': [join(packages, 'sdk/src/index.ts')],
      '@throughline/sdk/http': [join(packages, 'sdk/src/http/index.ts')],
      '@throughline/sdk/testing': [join(packages, 'sdk/src/testing.ts')],
      '@throughline/sdk/zipkin': [join(packages, 'sdk/src/zipkin.ts')],
      '@throughline/trace': [join(packages, 'trace/src/index.ts')],
      '@throughline/trace/client': [join(packages, 'trace/src/client/index.ts')],
      '@throughline/trace/formats': [join(packages, 'trace/src/formats/index.ts')],
      '@throughline/trace/insight': [join(packages, 'trace/src/insight/index.ts')],
    },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
  const { stdout } = spawnSync(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', folder], {
    encoding: 'utf8',
  });
  // The first line of each file names where its example is.
  const problems = stdout.replace(/^\S*?(\d+)\.mts/gm, (_, at: string) => examples[Number(at)]?.file ?? at);
  expect(problems).toBe('');
});
