// Makes the README's pictures (docs/images/) from the running demo: `node scripts/screenshot.mjs [folder]`.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CHROMIUM_FLAGS, ensureBuilt, ensureInstalled, fail, findChromium, root } from './workspace.mjs';

ensureInstalled();
ensureBuilt();
const executablePath = findChromium();
if (!executablePath) fail('Chromium was not found. Install it: npm run setup.');

const folder = process.argv[2] ?? join(root, 'docs/images');
const scratch = mkdtempSync(join(tmpdir(), 'throughline-screenshot-'));
mkdirSync(folder, { recursive: true });
const { chromium } = await import('playwright-core');

const demo = spawn(
  process.execPath,
  [join(root, 'packages/server/dist/cli/main.js'), 'demo', '--json', '--load-seconds', '2'],
  {
    env: {
      ...process.env,
      THROUGHLINE_DATA_DIR: join(scratch, 'data'),
      THROUGHLINE_HTTP_PORT: '0',
      THROUGHLINE_OTLP_HTTP_PORT: '0',
      THROUGHLINE_OTLP_GRPC_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const ended = new Promise((resolve) => demo.once('exit', resolve));
try {
  const [line] = await new Promise((resolve, reject) => {
    createInterface(demo.stdout).once('line', (text) => resolve([text]));
    demo.once('exit', () => reject(new Error('the demo ended before it told its story')));
  });
  const { traceUrl, uiUrl } = JSON.parse(line);
  for (const colorScheme of ['light', 'dark']) await takePictures(colorScheme, traceUrl, uiUrl);
} finally {
  demo.kill('SIGTERM');
  await ended;
  rmSync(scratch, { recursive: true, force: true });
}

async function takePictures(colorScheme, traceUrl, uiUrl) {
  const browser = await chromium.launchPersistentContext(join(scratch, `chromium-${colorScheme}`), {
    executablePath,
    headless: true,
    args: CHROMIUM_FLAGS,
    viewport: { width: 1440, height: 860 },
    colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await browser.newPage();
  const suffix = colorScheme === 'light' ? '' : '-dark';
  await page.goto(traceUrl);
  await page.getByRole('treegrid').waitFor();
  await page.getByRole('row', { name: /SELECT orders/ }).click();
  // Away from the waterfall, whose cursor line follows the pointer.
  await page.mouse.move(700, 840);
  await page.screenshot({ path: join(folder, `trace${suffix}.png`) });
  await page.goto(`${uiUrl}/explore`);
  await page
    .getByText(/timed out after/)
    .first()
    .waitFor();
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path: join(folder, `explore${suffix}.png`) });
  await page.goto(`${uiUrl}/services`);
  await page
    .getByRole('cell', { name: /\d\/s$/ })
    .first()
    .waitFor();
  await page.screenshot({ path: join(folder, `services${suffix}.png`) });
  await browser.close();
}
