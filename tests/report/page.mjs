// node page.mjs PAGE LARGE: opens the pages in chromium, without a network, and looks at what happens. Exits 1 with a
// line for everything that is wrong; the last line of the output is JSON with the seconds that LARGE takes to open.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.LIMN_NODE_MODULES + "/");
const { chromium } = require("playwright-core");
const [small, large] = process.argv.slice(2).map((path) => pathToFileURL(path).href);
const wrong = [];
const expect = (holds, what) => { if (!holds) wrong.push(what); };

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** A page that is being watched: whatever it asks for and complains about is wrong. */
async function open(url, options) {
  const context = await browser.newContext(options);
  await context.setOffline(true);
  const page = await context.newPage();
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) wrong.push(`asks for ${request.url()}`);
  });
  page.on("console", (message) => wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  await page.goto(url);
  return page;
}

const column = (page, table, number) => page.$$eval(`#${table} tbody tr`, (rows, number) => rows.map((row) => {
  const cell = row.cells[number];
  return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
}), number);
const isSorted = (values, before) => values.every((value, i) => i === 0 || before(values[i - 1], value));

const page = await open(small, { viewport: { width: 1280, height: 900 } });
const table = "localization-results";
const heads = await page.$$eval(`#${table} thead th`, (cells) => cells.map((cell) => cell.textContent));
const known = heads.findIndex((head) => head.startsWith("known class"));
const before = await column(page, table, known);
const button = page.locator(`#${table} thead button`).nth(known);
await button.click();
let values = await column(page, table, known);
expect(isSorted(values, (a, b) => a >= b), `numbers are not sorted from the largest: ${values}`);
expect(new Set(values).size > 1, "all numbers are the same: nothing was sorted");
expect(values.length === before.length, "sorting lost rows");
expect(await page.locator(`#${table} th[aria-sort="descending"]`).count() === 1, "aria-sort does not say descending");
await button.focus();
await page.keyboard.press("Enter");
values = await column(page, table, known);
expect(isSorted(values, (a, b) => a <= b), `the keyboard does not turn the order around: ${values}`);
await page.locator(`#${table} thead button`).nth(1).click();
values = await column(page, table, 1);
expect(isSorted(values, (a, b) => a.localeCompare(b) <= 0), `texts are not sorted from A: ${values}`);
expect(await page.locator(`#${table} th[aria-sort]`).count() === 1, "two columns say that they are sorted");

expect(await page.evaluate(() => window.broken) === undefined, "a class name ran as a script");
const unnamed = await page.$$eval("svg[role=img]", (all) => all.filter((svg) => !svg.getAttribute("aria-label")).length);
expect(unnamed === 0, `${unnamed} pictures without a description`);
expect(await page.locator("svg image").count() >= 12, "there are no cases");
expect(await page.$$eval("table", (all) => all.every((t) => t.caption && t.querySelector("th[scope=col]") && t.querySelector("th[scope=row]"))),
  "a table without a caption or without headings");
const ids = await page.$$eval("[id]", (all) => all.map((element) => element.id));
expect(new Set(ids).size === ids.length, `an id is there twice: ${ids.filter((id, i) => ids.indexOf(id) !== i)}`);

const colours = [];
for (const colorScheme of ["light", "dark"]) {
  const narrow = await open(small, { colorScheme, viewport: { width: 360, height: 800 } });
  colours.push(await narrow.evaluate(() => getComputedStyle(document.body).backgroundColor));
  const over = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over <= 0, `${over} pixels too wide for a narrow screen`);
}
expect(colours[0] !== colours[1], "dark is as light as light");

const start = performance.now();
const big = await open(large, { viewport: { width: 1280, height: 900 } });
await big.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const seconds = (performance.now() - start) / 1000;
expect(await big.locator("#localization-classes-1 tbody tr").count() === 1000, "not every class has a row");
await browser.close();
for (const line of wrong) console.log(line);
console.log(JSON.stringify({ seconds }));
process.exit(wrong.length === 0 ? 0 : 1);
