// Runs every check, one after the other, and says what came of each.

import { execSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { start } from './browser.mjs';
import * as check from './checks.mjs';

const { WAKEGATE_URL, WAKEGATE_SLEEP, WAKEGATE_FAIL, WAKEGATE_SHOTS, CARGO_TARGET_DIR } = process.env;

/** The scripted preview: its address, and how to end it. */
async function preview() {
  const child = spawn(`${CARGO_TARGET_DIR ?? '../../target'}/debug/examples/page_preview`, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface(child.stdout)) return { base: line.trim(), end: () => child.kill() };
  throw new Error('the preview did not start');
}

const { base, end } = WAKEGATE_URL ? { base: WAKEGATE_URL, end: () => {} } : await preview();
let visits = 0;

/** An address whose service is asleep: each of the preview's paths is, once. */
function asleep(query = '') {
  if (!WAKEGATE_URL) return `${base}${(visits += 1)}?${query}`;
  if (WAKEGATE_SLEEP) execSync(WAKEGATE_SLEEP, { stdio: 'inherit' });
  return base;
}

const failing = () => WAKEGATE_FAIL ?? (WAKEGATE_URL ? undefined : asleep('fail&detail=services'));
const browser = await start();
let failures = 0;

async function run(name, body) {
  const began = Date.now();
  try {
    await body();
    console.log(`ok    ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL  ${name}\n${error.message}`);
  }
}

for (const javaScriptEnabled of [true, false]) {
  const scripts = `scripts ${javaScriptEnabled ? 'on' : 'off'}`;
  for (const detail of WAKEGATE_URL ? ['as configured'] : ['services', 'progress']) {
    await run(`comes alive and is replaced, ${scripts}, ${detail}`, () =>
      check.comesAlive(browser, asleep(`detail=${detail}`), { javaScriptEnabled }));
  }
  const url = failing();
  if (url) await run(`tells a failure, ${scripts}`, () => check.tellsFailure(browser, url, { javaScriptEnabled }));
}
await run('paints at once', () => check.paintsAtOnce(browser, asleep('slow')));
for (const colorScheme of ['light', 'dark']) {
  await run(`is accessible, ${colorScheme}`, () =>
    check.isAccessible(browser, asleep('detail=services&slow&text=own'), { colorScheme }));
}
await run('fits a narrow screen and keeps still', () => check.fits(browser, asleep('detail=services&slow&text=own')));
await run('speaks sparingly', () => check.speaksSparingly(browser, asleep('detail=services')));
await run('is valid HTML at every cut', () => check.isValid(asleep('detail=services&text=own')));

if (WAKEGATE_SHOTS) {
  mkdirSync(WAKEGATE_SHOTS, { recursive: true });
  const shot = (name, query, options) =>
    run(`photograph ${name}`, () => check.photograph(browser, asleep(query), options, `${WAKEGATE_SHOTS}/${name}.png`));
  const phone = { viewport: { width: 375, height: 667 }, deviceScaleFactor: 2 };
  for (const colorScheme of ['light', 'dark']) {
    await shot(`services-${colorScheme}`, 'detail=services&slow', { colorScheme });
    await shot(`progress-${colorScheme}`, 'slow&text=own', { colorScheme });
    await shot(`phone-${colorScheme}`, 'detail=services&slow&text=own', { colorScheme, ...phone });
    if (!WAKEGATE_URL) {
      await shot(`failed-${colorScheme}`, 'detail=services&fail', { colorScheme, after: '.frame.failed:visible' });
    }
  }
  await shot('none', 'detail=none&slow', {});
  await shot('first', 'detail=progress&slow&first&text=own', phone);
}

await browser.close();
end();
process.exit(failures > 0 ? 1 : 0);
