import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const source = fileURLToPath(new URL('..', import.meta.url));
const modules = join(source, '../../../node_modules');
const folder = mkdtempSync(join(tmpdir(), 'examples-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What an example may use without saying where it comes from: what a reader of the docstring sees around it. */
const PRELUDE = `
import { createServer } from 'node:http';
import * as sdk from '@throughline/sdk';
import {
  adaptive, alwaysOff, alwaysOn, alwaysRecord, anyOf, ConfigError, detectResource, parentThreshold, rateLimit, ratio, remote, rules, traced, Tracer,
} from '@throughline/sdk';
import { httpMiddleware, instrumentHttp } from '@throughline/sdk/http';
import { createTestTracer, InMemoryExporter } from '@throughline/sdk/testing';
import { zipkin } from '@throughline/sdk/zipkin';
declare const tracer: sdk.Tracer;
`;

interface Example {
  readonly file: string;
  readonly code: string;
}

/** The code below each `@example` of a file, up to the next tag or the end of the comment. */
function examplesOf(file: string): Example[] {
  const comments = readFileSync(join(source, file), 'utf8').match(/\/\*\*[\s\S]*?\*\//g) ?? [];
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

it('compiles every example of a docstring', () => {
  const files = (readdirSync(source, { recursive: true }) as string[]).filter((file) => /(?<!\.test)\.ts$/.test(file));
  const examples = files.flatMap(examplesOf);
  expect(examples.length).toBeGreaterThan(20);
  examples.forEach(({ file, code }, at) => {
    writeFileSync(join(folder, `${at}.mts`), `// ${file}\n${PRELUDE}export async function example() {\n${code}\n}\n`);
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
      '@throughline/sdk': [join(source, 'index.ts')],
      '@throughline/sdk/http': [join(source, 'http/index.ts')],
      '@throughline/sdk/testing': [join(source, 'testing.ts')],
      '@throughline/sdk/zipkin': [join(source, 'zipkin.ts')],
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
