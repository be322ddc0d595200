// What `npm start`, `npm test`, `npm run demo` and `npm run build` share: install what is missing, build what is stale.
// No dependencies: this runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const NODE_MINIMUM = [20, 20];
const packages = ['trace', 'sdk', 'server', 'ui'];
const workspaces = [...packages.map((name) => `packages/${name}`), 'examples/checkout'];
const buildStamp = join(root, 'node_modules', '.throughline-build.json');

/** One line to standard error, so that a command's own output stays clean. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

export function fail(line) {
  say(line);
  process.exit(1);
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor < NODE_MINIMUM[1])) {
    fail(`Throughline needs Node ${NODE_MINIMUM.join('.')} or newer; this is ${process.versions.node}.`);
  }
}

export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  return result.status ?? 1;
}

/** Runs a tool of node_modules by its own Node, so that neither PATH nor a shell is needed. */
export function runTool(name, args, options) {
  return runToolBy(process.execPath, name, args, options);
}

export function ensureInstalled() {
  checkNode();
  const inputs = ['package-lock.json', 'package.json', ...workspaces.map((path) => `${path}/package.json`)];
  install('.', inputs, 'dependencies (about 900 MB on disk, most of it the embedded store; only the first time)');
}

/** Other test runners and compilers, which the published packages are tried with, and schemas for what is in `deploy/`. */
export function ensureToolchains() {
  const folder = 'test/toolchains';
  install(
    folder,
    [`${folder}/package-lock.json`, `${folder}/package.json`],
    'test runners, compilers and schemas, for the tests',
  );
}

/** `npm ci` in a folder, unless what is there was installed from the same files. */
function install(folder, inputs, what) {
  const cwd = join(root, folder);
  const stamp = join(cwd, 'node_modules', '.throughline-install');
  const wanted = digest(inputs);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say(`Installing ${what} …`);
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  if (run(command, [...first, ...args], { cwd }) !== 0) fail('npm ci failed; its messages stand above.');
  writeFileSync(stamp, wanted);
}

export function ensureBuilt({ force = false } = {}) {
  const inputs = buildInputs();
  const current = { names: digestText(inputs.join('\n')), contents: digest(inputs) };
  const last = readStamp();
  const complete = existsSync(join(root, 'packages/server/dist/ui/index.html'));
  if (!force && complete && last.contents === current.contents) return;
  say('Building …');
  // The compiler does not remove the output of a source file that is gone.
  if (last.names !== current.names)
    for (const name of packages) rmSync(join(root, 'packages', name, 'dist'), { recursive: true, force: true });
  if (runTool('typescript', ['-b']) !== 0) fail('The TypeScript build failed; its messages stand above.');
  // A NODE_ENV from outside would bring the development build of React into the page.
  const vite = { cwd: join(root, 'packages/ui'), env: { ...process.env, NODE_ENV: 'production' } };
  if (runTool('vite', ['build', '--logLevel', 'warn'], vite) !== 0) {
    fail('The build of the UI failed; its messages stand above.');
  }
  copyInto('packages/ui/dist/site', 'packages/server/dist/ui');
  copyInto('examples/checkout', 'packages/server/dist/examples/checkout', (path) => !path.includes('node_modules'));
  for (const name of ['trace', 'sdk', 'server']) cpSync(join(root, 'LICENSE'), join(root, 'packages', name, 'LICENSE'));
  writeFileSync(buildStamp, JSON.stringify(current));
}

/** Runs a tool of node_modules by another Node. */
export function runToolBy(node, name, args, options) {
  const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
  const bin = typeof manifest.bin === 'string' ? manifest.bin : Object.values(manifest.bin)[0];
  return run(node, [join(root, 'node_modules', name, bin), ...args], options);
}

/** The path of a Node of a major version, the newest when it was installed, which npm puts beside the project's dependencies; undefined where it cannot be had. */
export function ensureNode(major) {
  const folder = join(root, 'node_modules', '.nodes', String(major));
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(path)) installInto(folder, `Node ${major}`, `${name}@${major}`);
  return existsSync(path) ? path : undefined;
}

/** What runs JavaScript besides Node, by the package of npm that brings it for this machine. */
const runtimes = {
  bun: {
    package: `@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`,
    file: 'bin/bun',
    version: 1,
  },
  deno: {
    package: `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`,
    file: 'deno',
    version: 2,
  },
};

/** The path of Bun or Deno, where `ensureRuntime` has installed it. */
export function findRuntime(name) {
  const path = join(root, 'node_modules', '.nodes', name, 'node_modules', runtimes[name].package, runtimes[name].file);
  return existsSync(path) ? path : undefined;
}

export function ensureRuntime(name) {
  const { package: from, version } = runtimes[name];
  if (findRuntime(name) === undefined)
    installInto(join(root, 'node_modules', '.nodes', name), name, `${from}@${version}`);
  return findRuntime(name);
}

function installInto(folder, title, what) {
  say(`Installing ${title}, for the tests of the SDK …`);
  mkdirSync(folder, { recursive: true });
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', `--prefix=${folder}`];
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  run(command, [...first, ...args, what], { cwd: folder });
}

/** Headless, as root, and without a word to anybody outside. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of a Chromium that can be driven, or undefined. */
export function findChromium() {
  const candidates = [
    process.env.THROUGHLINE_CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ];
  return candidates.find((path) => path && existsSync(path));
}

/** Of Debian's package `clickhouse-server`. */
export function findClickHouseServer() {
  return ['/usr/sbin/clickhouse-server', '/usr/bin/clickhouse-server'].find((path) => existsSync(path));
}

/** Of Debian's package `zookeeper`, which names all that it needs besides Java. */
export function findZooKeeper() {
  return ['/usr/share/java/zookeeper.jar'].find((path) => existsSync(path) && existsSync('/usr/bin/java'));
}

const systemPrograms = [
  {
    name: 'Chromium',
    tests: 'the tests in a browser',
    find: findChromium,
    packages: ['chromium', 'fonts-liberation'],
  },
  {
    name: 'clickhouse-server',
    tests: 'the tests of a store that is a server',
    find: findClickHouseServer,
    packages: ['clickhouse-server'],
  },
  {
    name: 'ZooKeeper',
    tests: 'the tests of a store that is a cluster',
    find: findZooKeeper,
    packages: ['zookeeper', 'default-jre-headless'],
  },
];

/**
 * The programs of the system that tests drive. Installs what is missing with apt-get where it may (`npm run setup`, and CI):
 * nobody wants a program on a machine of their own because of a test. Otherwise names the tests that are skipped.
 */
export function ensureSystemPrograms({ mayInstall }) {
  const isDebianRoot = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  for (const { name, tests, find, packages: wanted } of systemPrograms) {
    if (find()) continue;
    if (mayInstall && isDebianRoot) {
      say(`Installing ${name} with apt-get, for ${tests} …`);
      const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
      run('apt-get', ['update', '-qq'], options);
      run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], options);
      if (find()) continue;
      say(`${name} could not be installed: ${tests} will be skipped.`);
    } else {
      const how = isDebianRoot ? 'npm run setup' : `on Debian: apt-get install ${wanted.join(' ')}`;
      say(`${name} was not found: ${tests} will be skipped. Install it (${how}).`);
    }
  }
}

/** Runs the built `throughline` command in this process: signals and the exit code need no forwarding. */
export async function runThroughline(args) {
  const main = join(root, 'packages/server/dist/cli/main.js');
  process.argv = [process.execPath, main, ...args];
  await import(main);
}

function buildInputs() {
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json'];
  for (const name of packages) {
    files.push(
      `packages/${name}/package.json`,
      `packages/${name}/tsconfig.json`,
      ...filesBelow(`packages/${name}/src`),
    );
  }
  files.push(
    'packages/ui/index.html',
    'packages/ui/vite.config.ts',
    'packages/ui/initial-size.ts',
    ...filesBelow('packages/ui/public'),
  );
  files.push(...filesBelow('examples/checkout'), 'scripts/workspace.mjs');
  return files.filter((path) => !/\.(test|contract)\.tsx?$/.test(path)).toSorted();
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function copyInto(from, to, filter) {
  rmSync(join(root, to), { recursive: true, force: true });
  mkdirSync(join(root, to), { recursive: true });
  cpSync(join(root, from), join(root, to), { recursive: true, filter: filter ?? (() => true) });
}

function digest(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const path = join(root, file);
    hash
      .update(`${file}\0`)
      .update(existsSync(path) ? readFileSync(path) : '')
      .update('\0');
  }
  return hash.digest('hex');
}

function digestText(text) {
  return createHash('sha256').update(text).digest('hex');
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(buildStamp, 'utf8'));
  } catch {
    return {};
  }
}
