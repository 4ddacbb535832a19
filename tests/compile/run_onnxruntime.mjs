// onnxruntime's side of the compiled files' tests: node run_onnxruntime.mjs FOLDER
//
// Answers each JSON line on standard input, {model, optimise, provider, feeds: {name: {type, dims, file}}}, with one JSON
// line {outputs: {name: {type, dims, file}}, inputs, seconds} or {error}. The provider is onnxruntime's name of what
// computes, cpu or webgpu. Numbers lie in FOLDER as they are in memory.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.env.LIMN_NODE_MODULES ? process.env.LIMN_NODE_MODULES + "/" : import.meta.url);
const ort = require("onnxruntime-node");
const folder = process.argv[2];
const arrays = { float32: Float32Array, int64: BigInt64Array, uint8: Uint8Array, float16: Uint16Array };
let kept = {}; // the session of the last file

async function session(model, optimise, provider) {
  const key = `${model} ${statSync(model).mtimeMs} ${optimise} ${provider}`;
  if (kept.key !== key) {
    const before = kept.session;
    if (provider === "cpu") await before?.release();
    kept = {
      key,
      session: await ort.InferenceSession.create(model, {
        executionProviders: [provider],
        graphOptimizationLevel: optimise ? "all" : "disabled",
        intraOpNumThreads: Number(process.env.LIMN_THREADS ?? 2),
        logSeverityLevel: 3,
      }),
    };
    if (provider !== "cpu") await before?.release();  // what was compiled for it goes with the last session
  }
  return kept.session;
}

async function answer({ model, optimise, provider, feeds }) {
  const s = await session(model, optimise, provider);
  const tensors = {};
  for (const [name, { type, dims, file }] of Object.entries(feeds)) {
    const bytes = readFileSync(file);
    const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    tensors[name] = new ort.Tensor(type, new arrays[type](copy), dims);
  }
  const start = performance.now();
  const results = await s.run(tensors);
  const seconds = (performance.now() - start) / 1000;
  const outputs = {};
  s.outputNames.forEach((name, i) => {
    const file = `${folder}/output_${i}.bin`;
    const { data, dims, type } = results[name];
    writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    outputs[name] = { type, dims, file };
  });
  return { outputs, inputs: s.inputNames, seconds };
}

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  } catch (e) {
    console.log(JSON.stringify({ error: String(e) }));
  }
}
