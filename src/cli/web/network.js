// Where the network and onnxruntime-web come from (the server, or from disk as scripts), and the worker that holds them.
"use strict";
const at = (id) => document.getElementById(id);
const settings = JSON.parse(at("settings").textContent);
const fromDisk = location.protocol === "file:";

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const onDisk = {};
/** Called by the scripts in the folder disk. */
function limnFile(name, base64) { onDisk[name] = bytesOf(base64); }

function loadScript(url) {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = done;
    script.onerror = () => failed(new Error(`${url} is not there`));
    document.head.append(script);
  });
}

async function fetchFile(url, onBytes) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
  const parts = [], reader = answer.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    onBytes?.(part.value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const text = (bytes) => new TextDecoder().decode(bytes);

/** The script of onnxruntime-web names the two files that it needs beside itself. */
async function loadRuntime(script, read) {
  const code = await read(script);
  const glue = text(code).match(/ort-wasm[\w.-]*\.mjs/)?.[0];
  if (!glue) throw new Error(`${script} is not the script of onnxruntime-web that is needed`);
  return { code, glue: await read(glue), wasm: await read(glue.replace(/\.mjs$/, ".wasm")) };
}

async function loadFiles(gpu) {
  let loaded = 0;
  const all = settings.bytes[gpu ? "webgpu" : "wasm"];
  const onBytes = (count) => {
    loaded += count;
    if (all) at("progress").value = loaded / all;
  };
  if (fromDisk && settings.complete && !settings.disk)
    throw new Error("it is too large to be opened from disk. On a server, such as python3 -m http.server, it works");
  const script = gpu ? "ort.webgpu.min.js" : "ort.wasm.min.js";
  if (!fromDisk || settings.runtime.includes("://")) {
    const base = new URL(settings.runtime, location.href);
    const runtime = await loadRuntime(script, (name) => fetchFile(new URL(name, base), onBytes));
    if (!fromDisk) return { ...runtime, model: await fetchFile(settings.model, onBytes) };
    await loadScript("disk/model.js");
    return { ...runtime, model: onDisk[settings.model] };
  }
  await loadScript("disk/runtime.js");
  await loadScript("disk/model.js");
  return { ...await loadRuntime(script, async (name) => onDisk[name]), model: onDisk[settings.model] };
}

/** Asks the worker, one question at a time. */
class Network {
  constructor(code) {
    const source = new Blob([code, "\n", at("worker").textContent], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(source));
    this.waiting = new Map();
    this.count = 0;
    this.worker.onmessage = ({ data }) => {
      const { done, failed } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error) failed(new Error(data.error)); else done(data.answer);
    };
    this.worker.onerror = (event) => {
      for (const { failed } of this.waiting.values()) failed(new Error(event.message || "the worker stopped"));
      this.waiting.clear();
    };
  }
  ask(question, handedOver = []) {
    return new Promise((done, failed) => {
      const id = ++this.count;
      this.waiting.set(id, { done, failed });
      this.worker.postMessage({ id, ...question }, handedOver);
    });
  }
}

async function hasGpu() {
  const wish = new URLSearchParams(location.search).get("backend");
  if (wish === "wasm" || fromDisk || !settings.webgpu || !navigator.gpu) return false;
  return await navigator.gpu.requestAdapter().catch(() => null) !== null;
}

async function startNetwork(gpu) {
  const { code, glue, wasm, model } = await loadFiles(gpu);
  say("Starting the network");
  const network = new Network(code);
  const load = { model: model.buffer, glue, wasm: wasm.buffer, backends: [gpu ? "webgpu" : "wasm"], inputs: settings.names };
  await network.ask({ load }, [load.model, load.wasm]);
  return network;
}
