// What is asked of the waiting page, as functions over an address whose service is asleep.

import assert from 'node:assert/strict';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { HtmlValidate } from 'html-validate';
import { visit } from './browser.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How long a visitor may look at nothing, in milliseconds: `page_after`, and a second for the browser. */
const FIRST_SIGHT = 2000;
/** How long a wake may take. */
const WAKE = 15_000;

const shown = (tab) => tab.locator('.frame').last();

/** The page appears, changes, and is replaced by the application without a hand on it. */
export async function comesAlive(browser, url, options) {
  await visit(browser, url, options, async (tab, response) => {
    assert.equal(response.status(), 503);
    await shown(tab).waitFor({ timeout: FIRST_SIGHT });
    const replaced = tab.waitForResponse((next) => next.status() === 200, { timeout: WAKE });
    replaced.catch(() => {});
    const seen = new Set();
    while (response) {
      const text = await shown(tab).innerText({ timeout: 1000 }).catch(() => undefined);
      if (text === undefined) break;
      seen.add(text.replace(/\s+/g, ' '));
      assert.equal(await tab.locator('.frame:visible').count() <= 1, true, 'one frame is seen at a time');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await replaced;
    assert.ok(seen.size >= 3, `the page changes: ${[...seen].join(' | ')}`);
    await tab.locator('body').waitFor();
    assert.equal(await tab.locator('.frame').count(), 0, 'the application is there');
    assert.equal(tab.url(), new URL(url).href, 'the address stays');
  });
}

/** The failure is shown in public words, with the time of the next try; the page then tries again by itself. */
export async function tellsFailure(browser, url, options) {
  await visit(browser, url, options, async (tab) => {
    await tab.locator('.frame.failed:visible').waitFor({ timeout: WAKE });
    const text = await shown(tab).innerText();
    assert.match(text, /tried again/);
    assert.doesNotMatch(text, /exit code|\/srv|error/i);
    const again = await tab.waitForRequest((request) => request.isNavigationRequest(), { timeout: WAKE });
    assert.equal(again.url(), new URL(url).href);
  });
}

/** It is really painted while the document is still coming, not only there for programs to see. */
export async function paintsAtOnce(browser, url, options) {
  await visit(browser, url, { ...options, pageOnly: true }, async (tab) => {
    const painted = await tab.waitForFunction(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
      undefined, { timeout: FIRST_SIGHT, polling: 50 },
    );
    assert.ok(await painted.jsonValue() < FIRST_SIGHT);
    assert.notEqual(await tab.evaluate(() => document.readyState), 'complete');
  });
}

/** axe-core finds nothing serious or critical. */
export async function isAccessible(browser, url, options) {
  await visit(browser, url, { ...options, pageOnly: true }, async (tab) => {
    await shown(tab).waitFor({ timeout: FIRST_SIGHT });
    await tab.evaluate(axe);
    const { violations } = await tab.evaluate(() => globalThis.axe.run());
    const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(bad.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`), []);
  });
}

/** Nothing sticks out to the side on a narrow screen, and nothing moves for those who do not want it. */
export async function fits(browser, url) {
  const options = { viewport: { width: 320, height: 640 }, reducedMotion: 'reduce', pageOnly: true };
  await visit(browser, url, options, async (tab) => {
    await shown(tab).waitFor({ timeout: FIRST_SIGHT });
    const [wide, moving] = await tab.evaluate(() => [
      document.documentElement.scrollWidth - window.innerWidth,
      document.getAnimations().length,
    ]);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
    assert.equal(moving, 0, 'animations');
  });
}

/** Only what is news is announced: sentences, never the passing seconds. */
export async function speaksSparingly(browser, url) {
  await visit(browser, url, { pageOnly: true }, async (tab) => {
    const sentences = [];
    for (let look = 0; look < 25; look += 1) {
      const found = await tab.locator('.say[aria-live=polite]').allTextContents().catch(() => []);
      if (found.length >= sentences.length) sentences.splice(0, sentences.length, ...found);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(sentences.length >= 1 && new Set(sentences).size === sentences.length, sentences.join(' | '));
    assert.doesNotMatch(sentences.join(' '), /\d s\b/);
  });
}

/** The HTML is without error wherever one looks: what came so far, with what is open closed. */
export async function isValid(url) {
  // Not by fetch(): its Sec-Fetch-Mode is always its own, and says that this is no navigation.
  const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const response = await new Promise((resolve, reject) => get(url, { headers }, resolve).on('error', reject));
  assert.equal(response.statusCode, 503);
  assert.equal(response.headers['cache-control'], 'no-store');
  response.setEncoding('utf8');
  let html = '';
  const cuts = [];
  for await (const piece of response) {
    html += piece;
    cuts.push(html.length);
  }
  assert.ok(cuts.length >= 4, `it is streamed: ${cuts.length} pieces`);
  assert.match(html, /<\/html>\s*$/);
  const validator = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y'] });
  for (const cut of [...cuts.slice(0, -1).map((at) => `${html.slice(0, at)}</div></main></body></html>\n`), html]) {
    const report = await validator.validateString(cut);
    const errors = report.results.flatMap(({ messages }) => messages.map(({ ruleId, message, line }) => `${line}: ${message} (${ruleId})`));
    assert.deepEqual(errors, []);
  }
}

/** Pictures, to be looked at. */
export async function photograph(browser, url, options, file) {
  await visit(browser, url, options, async (tab) => {
    await shown(tab).waitFor({ timeout: FIRST_SIGHT });
    if (options.after) await tab.locator(options.after).waitFor({ timeout: WAKE });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await tab.screenshot({ path: file, animations: 'allow' });
  });
}
