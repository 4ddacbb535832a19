// node onnxruntime_logits.mjs MODEL INPUT OUTPUT N C H W: raw float32 images in, raw float32 class scores out.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const require = createRequire(process.env.LIMN_NODE_MODULES + "/");
const ort = require("onnxruntime-node");
const [model, input, output, ...sizes] = process.argv.slice(2);
const [n, c, h, w] = sizes.map(Number);
const bytes = readFileSync(input);
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 2 });
const results = [];
for (let i = 0; i < n; i++) {
  const image = new Float32Array(bytes.buffer, bytes.byteOffset + 4 * i * c * h * w, c * h * w);
  const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", image, [1, c, h, w]) });
  results.push(Buffer.from(new Float32Array(outputs[session.outputNames[0]].data).buffer));
}
writeFileSync(output, Buffer.concat(results));
