// node web.mjs JOB.json: opens pages of `limn compile --web` in chromium and uses them as people do. JOB is
//   {disk: index.html opened from disk, server: the address of the same folder, bare: index.html of a folder without
//    onnxruntime-web, pictures: [{path, target}], camera, gpu: whether to try them, shots: a folder for screenshots or null}.
// Prints one line of JSON: {wrong: [what is not as it should be], answers: [{heat, scores, target, milliseconds, backend}]}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.LIMN_NODE_MODULES + "/");
const { chromium } = require("playwright-core");
const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const wrong = [], answers = [];
const expect = (holds, what) => { if (!holds) wrong.push(what); };
const PATIENCE = 240e3;

const launch = (...args) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", ...args]
});
let browser = await launch();

/** A page that asks for nothing but the folder it is in; `told` in it has the network's answers. */
async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 850 }, ...options });
  if (url.startsWith("file:")) await context.setOffline(true);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const folder = url.slice(0, url.lastIndexOf("/") + 1);
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(folder)) wrong.push(`asks for ${request.url()}`);
  });
  page.on("console", (message) => {
    // What chromium says of computers without a graphics processor.
    if (!message.text().includes("No available adapters")) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  await page.addInitScript(() => {
    window.told = [];
    document.addEventListener("limn:explained", ({ detail }) => window.told.push(detail));
  });
  await page.goto(url);
  return page;
}

const ready = (page) => page.waitForFunction(() => !document.getElementById("file").disabled || !document.getElementById("problem").hidden);

/** What the network says next, after `act`. */
async function next(page, act) {
  const before = await page.evaluate(() => window.told.length);
  await act();
  await page.waitForFunction((count) => window.told.length > count || !document.getElementById("problem").hidden, before);
  const problem = await page.locator("#problem").textContent();
  if (problem) throw new Error(problem);
  return page.evaluate((i) => {
    const { heat, scores, target, milliseconds } = window.told[i];
    return { heat: Array.from(heat), scores: Array.from(scores), target, milliseconds, backend: document.getElementById("speed").textContent };
  }, before);
}

/** The picture dropped on the page, as from a file manager. */
async function drop(page, path) {
  const files = await page.evaluateHandle(([base64, name]) => {
    const transfer = new DataTransfer(), bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
    return transfer;
  }, [readFileSync(path).toString("base64"), path.split("/").pop()]);
  await page.dispatchEvent("body", "drop", { dataTransfer: files });
}

async function explainAll(page) {
  for (const { path, target } of job.pictures) {
    const first = await next(page, () => drop(page, path));
    answers.push(first);
    if (target === undefined || target === first.target) continue;
    // Another class: looked for by its number, chosen by the keyboard.
    await page.fill("#search", String(target));
    await page.locator("#matches button").first().focus();
    answers.push(await next(page, () => page.keyboard.press("Enter")));
    expect(await page.locator("#follow").isVisible(), "there is no way back to the most likely class");
    answers.push(await next(page, () => page.click("#follow")));
    expect(answers.at(-1).target === first.target, "the way back leads elsewhere");
    await page.fill("#search", "");
  }
}

async function lookAt(page, name) {
  if (job.shots) await page.screenshot({ path: `${job.shots}/${name}.png`, fullPage: true });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over <= 0, `${name}: ${over} pixels too wide`);
}

async function fromDisk() {
  const page = await open(pathToFileURL(job.disk).href);
  await lookAt(page, "loading");
  await ready(page);
  await lookAt(page, "ready");
  await explainAll(page);
  await lookAt(page, "explained");
  const painted = () => page.evaluate(() => document.getElementById("view").toDataURL());
  const before = await painted();
  await page.fill("#strength", "0");
  expect(await painted() !== before, "the strength of the colours does nothing");
  await page.fill("#strength", "55");
  expect(await page.locator("#list button").count() === Math.min(5, answers[0].scores.length), "the most likely classes are not listed");
  const second = await next(page, () => page.locator("#list button").nth(1).click());
  expect(await page.locator('#list button[aria-pressed="true"]').count() === 1, "the explained class is not marked");
  expect(second.target !== answers[0].target || job.pictures.length > 1, "a click on a class changes nothing");
  const unnamed = await page.$$eval("button, input", (all) => all.filter((e) =>
    !e.hidden && !(e.textContent.trim() || e.labels?.length || e.getAttribute("aria-label"))).map((e) => e.outerHTML));
  expect(unnamed.length === 0, `without a name: ${unnamed}`);

  await page.setInputFiles("#file", { name: "letter.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4") });
  await page.waitForSelector("#problem:not([hidden])");
  expect((await page.textContent("#problem")).includes("letter.pdf is not an image"), "a file that is no image is not told");
  const again = await next(page, () => drop(page, job.pictures[0].path));
  expect(await page.locator("#problem").isHidden(), "a complaint outlives its reason");
  expect(JSON.stringify(again.heat).length > 0, "no picture after a complaint");
  await page.context().close();
}

async function narrowAndDark() {
  const colours = [];
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(pathToFileURL(job.disk).href, { colorScheme, viewport: { width: 360, height: 740 } });
    await ready(page);
    await next(page, () => drop(page, job.pictures[0].path));
    await lookAt(page, `narrow-${colorScheme}`);
    colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    await page.context().close();
  }
  expect(colours[0] !== colours[1], "dark is as light as light");
}

async function fromServer() {
  const page = await open(job.server);
  await ready(page);
  answers.push(await next(page, () => page.setInputFiles("#file", job.pictures[0].path)));
  if (job.camera) {
    await next(page, () => page.click("#camera"));
    await page.waitForFunction(() => window.told.length >= 4);
    await lookAt(page, "camera");
    await page.click("#camera");
    expect(await page.getAttribute("#camera", "aria-pressed") === "false", "the camera does not stop");
  }
  await page.context().close();
}

/** WebGPU on a graphics processor that chromium computes itself, where it has one. */
async function byGpu() {
  await browser.close();
  browser = await launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan");
  const page = await open(job.server);
  await ready(page);
  const answer = await next(page, () => page.setInputFiles("#file", job.pictures[0].path));
  if (answer.backend.includes("WebGPU")) answers.push(answer);
}

async function withoutRuntime() {
  const page = await open(pathToFileURL(job.bare).href);
  await page.waitForSelector("#help:not([hidden])");
  await lookAt(page, "bare");
  expect((await page.textContent("#help")).includes("npm install"), "the page does not say what is missing");
  await page.context().close();
}

try {
  await fromDisk();
  if (job.server) await fromServer();
  await narrowAndDark();
  if (job.bare) {
    const watched = wrong.length;
    await withoutRuntime();
    // A file that is missing is what this page is about.
    wrong.splice(watched, wrong.length, ...wrong.slice(watched).filter((line) => !line.includes("ERR_FILE_NOT_FOUND")));
  }
  if (job.gpu) await byGpu();
} catch (error) {
  wrong.push(String(error.stack ?? error));
}
await browser.close();
console.log(JSON.stringify({ wrong, answers }));
