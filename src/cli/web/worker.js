// Behind onnxruntime-web's own script: holds the session, so that the page stays quick while the network computes.
"use strict";
let session = null, names = null, picture = null;

async function load({ model, glue, wasm, backends, inputs }) {
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) };
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = 1;  // more would need headers that few servers send
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: backends, logSeverityLevel: 3 });
  names = inputs;
}

/** RGBA bytes as the network's picture, [1, height, width, 3]. */
function take({ pixels, width, height }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = pixels[from];
    rgb[to + 1] = pixels[from + 1];
    rgb[to + 2] = pixels[from + 2];
  }
  picture = new ort.Tensor("uint8", rgb, [1, height, width, 3]);
}

async function explain(target) {
  const start = performance.now();
  const feeds = { [names.image]: picture, [names.target]: new ort.Tensor("int64", BigInt64Array.of(BigInt(target)), [1]) };
  const out = await session.run(feeds, [names.scores, names.heatmap]);
  const milliseconds = performance.now() - start;
  const answer = {
    scores: Float32Array.from(out[names.scores].data), heat: Float32Array.from(out[names.heatmap].data), milliseconds
  };
  for (const tensor of Object.values(out)) tensor.dispose();
  return answer;
}

self.onmessage = async ({ data }) => {
  try {
    if (data.load) await load(data.load);
    if (data.picture) take(data.picture);
    self.postMessage({ id: data.id, answer: data.target === undefined ? null : await explain(data.target) });
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error?.message ?? error) });
  }
};
