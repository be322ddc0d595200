// Programs that send a trace with the OpenTelemetry SDKs of other languages, for test/foreign-sdks.test.ts. What they need
// is installed below node_modules/.cache by each language's own package manager; a language whose tools are missing, or
// whose packages cannot be had, leaves its tests skipped by name.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './workspace.mjs';

const sources = join(root, 'test', 'senders');
const cache = join(root, 'node_modules', '.cache', 'throughline-senders');
const TIMEOUT_MS = 300_000;

/** `tools` have to answer; `prepare` throws where a step fails; `command` sends. */
const senders = {
  python: {
    tools: [['python3', '-m', 'venv', '--help']],
    install: 'Python 3 with venv and pip (Debian: apt-get install python3-venv)',
    prepare: (folder) => {
      step('python3', ['-m', 'venv', '--clear', folder]);
      const requirements = join(sources, 'python', 'requirements.txt');
      step(join(folder, 'bin', 'pip'), ['install', '--quiet', '--retries', '1', '-r', requirements]);
    },
    command: (folder) => [join(folder, 'bin', 'python'), join(sources, 'python', 'sender.py')],
  },
  go: {
    tools: [['go', 'version']],
    install: 'Go 1.26 or newer (https://go.dev/dl)',
    prepare: (folder) => {
      const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false' };
      step('go', ['build', '-o', join(folder, 'sender'), '.'], { cwd: join(sources, 'go'), env });
    },
    command: (folder) => [join(folder, 'sender')],
  },
  java: {
    tools: [
      ['javac', '-version'],
      ['mvn', '--version'],
    ],
    install: 'a JDK of 17 or newer and Maven (Debian: apt-get install default-jdk-headless maven)',
    prepare: (folder) => {
      // Maven leaves its own folder beside the pom.
      cpSync(join(sources, 'java'), join(folder, 'source'), { recursive: true });
      const libraries = join(folder, 'lib');
      const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${libraries}`];
      step('mvn', ['--batch-mode', '--quiet', '-f', join(folder, 'source', 'pom.xml'), ...goal]);
      const classes = join(folder, 'classes');
      step('javac', ['-cp', join(libraries, '*'), '-d', classes, join(folder, 'source', 'Sender.java')]);
    },
    command: (folder) => ['java', '-cp', `${join(folder, 'classes')}:${join(folder, 'lib', '*')}`, 'Sender'],
  },
};

/** Prepares each sender whose tools are here. Says in one line what is missing, or what failed. */
export function ensureSenders() {
  for (const [language, { tools, install, prepare }] of Object.entries(senders)) {
    if (findSender(language)) continue;
    if (tools.some(([tool, ...args]) => spawnSync(tool, args, { stdio: 'ignore' }).status !== 0)) {
      say(`The tests with the ${language} SDK will be skipped; they need ${install}.`);
      continue;
    }
    say(`Installing the OpenTelemetry SDK of ${language}, for the tests that send with it …`);
    const folder = folderOf(language);
    try {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      prepare(folder);
      writeFileSync(join(folder, 'ready'), '');
    } catch (error) {
      say(`The tests with the ${language} SDK will be skipped: ${error.message}`);
    }
  }
}

/** The words of the command that runs a prepared sender, or undefined. */
export function findSender(language) {
  const folder = folderOf(language);
  return existsSync(join(folder, 'ready')) ? senders[language].command(folder) : undefined;
}

/** Another one for every other source. */
function folderOf(language) {
  const hash = createHash('sha256');
  const folder = join(sources, language);
  for (const name of readdirSync(folder).toSorted()) hash.update(name).update(readFileSync(join(folder, name)));
  return join(cache, `${language}-${hash.digest('hex').slice(0, 12)}`);
}

function step(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS, ...options });
  if (result.error) throw result.error;
  if (result.status === 0) return;
  const [line = `${command} failed`] = String(result.stderr).trim().split('\n').slice(-1);
  throw new Error(line);
}
