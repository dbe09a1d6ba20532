// Chromium, and visits that show what went wrong.

import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** Starts the browser, with a profile of its own that is empty. */
export function start(...flags) {
  const named = process.env.CHROMIUM ?? 'chromium';
  const executablePath = execFileSync('sh', ['-c', 'command -v "$0"', named], { encoding: 'utf8' }).trim();
  return chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
}

/**
 * Opens `url` in a fresh context and gives `look` the tab. Fails on whatever no page may do: open a dialog,
 * throw, break its own policy, load anything else.
 */
export async function visit(browser, url, options, look) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
  const tab = await context.newPage();
  const wrong = [];
  tab.on('dialog', (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  tab.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  tab.on('console', (line) => { if (/policy/i.test(line.text())) wrong.push(line.text()); });
  tab.on('request', (request) => {
    if (!request.isNavigationRequest() && !request.url().startsWith('data:')) wrong.push(`loads ${request.url()}`);
  });
  try {
    const response = await tab.goto(url, { waitUntil: 'commit' });
    await look(tab, response);
    // What the application loads is its own business: only the waiting page is held to this.
    const page = wrong.filter((entry) => !entry.startsWith('loads') || options?.pageOnly);
    if (page.length > 0) throw new Error(page.join('; '));
  } finally {
    await context.close();
  }
}
