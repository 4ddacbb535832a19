// Times of several models in one onnxruntime process: node compiled_cost.mjs BATCH THREADS ROUNDS PROVIDER MODEL...
//
// PROVIDER is onnxruntime's name of what computes: cpu, webgpu.
// Every round runs each model once, in turn, so that whatever else the machine does troubles all of them; standard
// output is JSON, for each model the milliseconds of the clock and of the processor. All graph optimisations are on,
// threads run within operators.
import { createRequire } from "node:module";

const require = createRequire(process.env.LIMN_NODE_MODULES ? process.env.LIMN_NODE_MODULES + "/" : import.meta.url);
const ort = require("onnxruntime-node");

const [batch, threads, rounds] = process.argv.slice(2, 5).map(Number);
const [provider, ...models] = process.argv.slice(5);
const warmUp = 2;

async function load(model) {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const metadata = session.inputMetadata[0];
  const dims = metadata.shape.map((d, i) => (typeof d === "number" && d > 0 ? d : i === 0 ? batch : 224));
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state >>> 8) / 8388608 - 1;
  }
  return { session, feeds: { [session.inputNames[0]]: new ort.Tensor("float32", data, dims) } };
}

const loaded = [];
for (const model of models) loaded.push(await load(model));
const times = models.map(() => ({ clock: [], processor: [] }));
for (let round = 0; round < rounds + warmUp; round++)
  for (let i = 0; i < loaded.length; i++) {
    const start = performance.now(), before = process.cpuUsage();
    await loaded[i].session.run(loaded[i].feeds);
    const used = process.cpuUsage(before);
    if (round < warmUp) continue;
    times[i].clock.push(performance.now() - start);
    times[i].processor.push((used.user + used.system) / 1000);
  }
console.log(JSON.stringify(times));
