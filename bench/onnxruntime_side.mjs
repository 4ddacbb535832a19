// onnxruntime's side of a comparison: node onnxruntime_side.mjs MODEL BATCH THREADS
//
// Answers "forward COUNT" on standard input with the milliseconds of COUNT runs, on one line, and "answer forward FILE"
// with "done" when the class scores are in FILE. All graph optimisations are on, threads run within operators.
// The first line is "ready" and onnxruntime's version.
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.env.LIMN_NODE_MODULES ? process.env.LIMN_NODE_MODULES + "/" : import.meta.url);
const ort = require("onnxruntime-node");

const [model, batch, threads] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const session = await ort.InferenceSession.create(model, {
  graphOptimizationLevel: "all",
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: "sequential",
});
const metadata = session.inputMetadata[0];
const dims = metadata.shape.map((d, i) => (typeof d === "number" && d > 0 ? d : i === 0 ? batch : 224));
const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
let state = 1; // the same pictures as the other sides
for (let i = 0; i < data.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  data[i] = (state >>> 8) / 8388608 - 1;
}
const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", data, dims) };
const output = session.outputNames[0];
console.log("ready", require("onnxruntime-node/package.json").version);
for await (const line of createInterface({ input: process.stdin })) {
  const [work, argument, file] = line.split(" ");
  if (work === "answer") {
    const scores = (await session.run(feeds))[output].data;
    writeFileSync(file, Buffer.from(scores.buffer, scores.byteOffset, scores.byteLength));
    console.log("done");
    continue;
  }
  const times = [];
  for (let i = 0; i < Number(argument); i++) {
    const start = performance.now();
    await session.run(feeds);
    times.push((performance.now() - start).toFixed(4));
  }
  console.log(times.join(" "));
}
