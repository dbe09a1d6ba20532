// Visits that try to get a script into what the gateway says: by host, path, query, fragment and headers. WAKEGATE_URL
// names an address behind which services sleep or fail, whose page is configured as hostile as it may be.

import assert from 'node:assert/strict';
import { start, visit } from './browser.mjs';

const { port } = new URL(process.env.WAKEGATE_URL);
/** Each would open a dialog if it were taken for HTML, for an attribute, for a script or for an address. */
const PAYLOADS = [
  '<svg onload=alert(1)>', '"><img src=x onerror=alert(1)>', "'-alert(1)-'", '</style><script>alert(1)</script>',
  '</title><iframe srcdoc="<script>parent.alert(1)</script>">', 'javascript:alert(1)', '{{frames}}<script>alert(1)</script>',
  '%3Csvg%20onload%3Dalert(1)%3E', '<meta http-equiv=refresh content="0;url=javascript:alert(1)">', '"autofocus onfocus=alert(1) x="',
];
/** What a browser still takes for a name. */
const HOSTS = ['onload-alert-1.example', "alert(1)'.example", 'xn--svg-onload.example', '-alert-.example'];
const HEADERS = ['accept-language', 'user-agent', 'x-forwarded-host', 'x-forwarded-prefix', 'x-original-url', 'forwarded'];

const browser = await start('--host-resolver-rules=MAP * 127.0.0.1');
let visits = 0;

/** A page of the gateway's own, on which nothing runs, and which says nothing of what was asked. */
async function isHarmless(url, extraHTTPHeaders = {}) {
  await visit(browser, url, { extraHTTPHeaders, pageOnly: true }, async (tab, response) => {
    assert.ok([400, 404, 502, 503].includes(response.status()), `${url}: ${response.status()}`);
    await tab.locator('body').waitFor();
    if (response.headers()['content-type'].startsWith('text/html')) await tab.locator('.frame').last().waitFor();
    const found = await tab.evaluate(() => document.querySelectorAll('script, iframe, [onload], [onerror], [onfocus]').length);
    assert.equal(found, 0, `${url}: something was injected`);
    // A handler that waits for an event gets its event.
    await tab.keyboard.press('Tab');
    await tab.mouse.click(200, 200);
    assert.equal(new URL(tab.url()).port, port, 'it stays where it is');
  });
  visits += 1;
}

for (const route of ['asleep', 'failing', 'nothing']) {
  for (const payload of PAYLOADS) {
    const [raw, escaped] = [payload.replace(/[#?\s]/g, ''), encodeURIComponent(payload)];
    await isHarmless(`http://shop.example:${port}/${route}/${raw}?q=${raw}&r=${escaped}#${raw}`);
    await isHarmless(`http://shop.example:${port}/${route}/${escaped}`,
      Object.fromEntries(HEADERS.map((name) => [name, payload])));
  }
  for (const host of HOSTS) await isHarmless(`http://${host}:${port}/${route}/`);
  for (const path of ['//evil.example/', '/%5cevil.example', '/..%2f..%2fevil.example', '/%0d%0alocation:%20http://evil.example']) {
    await isHarmless(`http://shop.example:${port}/${route}${path}`);
  }
}
await browser.close();
console.log(`ok    ${visits} hostile visits`);
