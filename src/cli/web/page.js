// The page: pictures in, heatmaps out. After every answer the document gets the event "limn:explained", whose detail is
// what the network said: heat, scores, shares (probabilities), target, milliseconds.
"use strict";
const MOST_PIXELS_A_SIDE = 2048;
const view = at("view"), picture = document.createElement("canvas"), heat = document.createElement("canvas");
const pen = picture.getContext("2d", { willReadFrequently: true });
let network = null, backend = "WebAssembly";
let stream = null, facing = "environment";
let working = false, wanted = null;
let pinned = -1;       // the class that was asked for; -1: the most likely one
let explained = null;  // the last answer

const say = (message) => { at("message").textContent = message; };
function complain(message) {
  at("problem").textContent = message ?? "";
  at("problem").hidden = !message;
}

const nameOf = (index) => settings.classes[index] ?? `class ${index}`;
const shortName = (index) => nameOf(index).split(",")[0];
const percent = (p) => `${(100 * p).toFixed(1)} %`;

function probabilities(scores) {
  const values = Array.from(scores);
  if (settings.probability === "sigmoid") return values.map((v) => 1 / (1 + Math.exp(-v)));
  const most = Math.max(...values), powers = values.map((v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((v) => v / sum);
}

function best(scores, count) {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  return order.slice(0, count);
}

/** One row per class, reusing the buttons that are there, so that the keyboard's place is kept. */
function fillList(list, indices, shares) {
  while (list.children.length > indices.length) list.lastChild.remove();
  while (list.children.length < indices.length) {
    const row = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.append(document.createElement("span"), document.createElement("span"));
    button.addEventListener("click", () => pin(Number(button.dataset.index)));
    row.append(button);
    list.append(row);
  }
  indices.forEach((index, i) => {
    const button = list.children[i].firstChild;
    button.dataset.index = index;
    button.title = nameOf(index);
    button.firstChild.textContent = shortName(index);
    button.lastChild.textContent = shares ? percent(shares[index]) : "";
    button.style.setProperty("--share", shares ? percent(shares[index]).replace(" ", "") : "0%");
    button.setAttribute("aria-pressed", String(explained?.target === index));
  });
}

function showMatches() {
  const wish = at("search").value.trim().toLowerCase();
  const found = [];
  if (wish) {
    const number = /^\d+$/.test(wish) ? Number(wish) : -1;
    for (let i = 0; i < settings.count && found.length < 8; i++)
      if (i === number || nameOf(i).toLowerCase().includes(wish)) found.push(i);
  }
  fillList(at("matches"), found, explained?.shares);
}

function show(quietly) {
  const { target, shares, scores, milliseconds } = explained;
  at("status").hidden = at("help").hidden = true;
  at("found").hidden = at("save").hidden = view.hidden = false;
  at("drop").hidden = true;
  draw(view, picture, heat, explained.heat);
  const chosen = at("chosen"), share = document.createElement("span");
  share.textContent = percent(shares[target]);
  chosen.replaceChildren(shortName(target), " ", share);
  at("follow").hidden = pinned < 0;
  const list = at("list");
  const held = stream && list.matches(":hover, :focus-within");  // rows do not move under a finger
  fillList(list, held ? [...list.querySelectorAll("button")].map((b) => Number(b.dataset.index)) : best(scores, 5), shares);
  showMatches();
  at("empty").hidden = explained.heat.some((v) => v > 0);
  at("speed").textContent = `${Math.round(milliseconds)} ms a picture, ${backend}`;
  view.setAttribute("aria-label", `The picture, coloured where the evidence for ${shortName(target)} is`);
  if (!quietly) say(`${shortName(target)}, ${percent(shares[target])}`);
}

/** Not while another picture waits for its answer, which draws anyhow. */
function redraw() {
  if (explained && !working) draw(view, picture, heat, explained.heat);
}

/** The network's answer for the picture on the canvas; `fresh` when that has changed. */
async function explain(fresh) {
  const question = { target: pinned };
  if (fresh) {
    const { width, height } = picture;
    question.picture = { width, height, pixels: pen.getImageData(0, 0, width, height).data };
  }
  const target = pinned;
  const answer = await network.ask(question, fresh ? [question.picture.pixels.buffer] : []);
  if (wanted?.fresh) return;  // another picture is there already
  explained = { ...answer, target: target < 0 ? best(answer.scores, 1)[0] : target, shares: probabilities(answer.scores) };
  show(stream !== null);
  document.dispatchEvent(new CustomEvent("limn:explained", { detail: explained }));
}

// While an answer is awaited, only the newest wish is kept.
async function want(fresh) {
  if (working) {
    wanted = { fresh: fresh || wanted?.fresh };
    return;
  }
  working = true;
  try {
    await explain(fresh);
  } catch (error) {
    complain(`The network could not look at this picture: ${error.message}`);
  }
  working = false;
  const next = wanted;
  wanted = null;
  if (next) await want(next.fresh);
}

function pin(index) {
  pinned = index;
  if (explained && !stream) want(false);
}

/** Puts a picture on the canvas, upright, on white, and not larger than a browser can bear. */
function put(source, width, height) {
  const scale = Math.min(1, MOST_PIXELS_A_SIDE / Math.max(width, height));
  picture.width = Math.max(1, Math.round(width * scale));
  picture.height = Math.max(1, Math.round(height * scale));
  pen.imageSmoothingQuality = "high";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.drawImage(source, 0, 0, picture.width, picture.height);
}

async function open(file) {
  if (!file || !network) return;
  complain();
  closeCamera();
  let bitmap;
  try {
    // As limn reads them: upright, and colour profiles left aside.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    complain(`${file.name || "This"} is not an image that this browser can read.`);
    return;
  }
  put(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  await want(true);
}

function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  at("camera").textContent = "Open the camera";
  at("camera").setAttribute("aria-pressed", "false");
  at("turn").hidden = true;
}

function cameraProblem(error) {
  if (!navigator.mediaDevices) return "The camera is open to pages from https or from this computer only.";
  if (error.name === "NotAllowedError") return "The browser was not allowed to use the camera.";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "There is no camera here.";
  return `The camera could not be opened: ${error.message}`;
}

async function openCamera() {
  complain();
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, width: { ideal: 640 } } });
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    closeCamera();
    complain(cameraProblem(error));
    return;
  }
  at("camera").textContent = "Stop the camera";
  at("camera").setAttribute("aria-pressed", "true");
  const devices = await navigator.mediaDevices.enumerateDevices();
  at("turn").hidden = devices.filter((device) => device.kind === "videoinput").length < 2;
  for (const mine = stream; stream === mine && !at("problem").textContent;) {
    put(video, video.videoWidth, video.videoHeight);
    await want(true);
    await new Promise(requestAnimationFrame);
  }
  if (stream && !at("problem").hidden) closeCamera();
}

function listen() {
  at("file").addEventListener("change", (event) => { open(event.target.files[0]); event.target.value = ""; });
  at("camera").addEventListener("click", () => stream ? closeCamera() : openCamera());
  at("turn").addEventListener("click", () => {
    facing = facing === "user" ? "environment" : "user";
    closeCamera();
    openCamera();
  });
  at("follow").addEventListener("click", () => pin(-1));
  at("search").addEventListener("input", showMatches);
  at("strength").addEventListener("input", redraw);
  at("save").addEventListener("click", () => view.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${shortName(explained.target)}.png`.replace(/[^\w.-]+/g, "-");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }));
  for (const name of ["dragenter", "dragover", "dragleave", "drop"])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") open(event.dataTransfer.files[0]);
    });
  document.addEventListener("paste", (event) => open(event.clipboardData.files[0]));
}

async function begin() {
  const stops = [0, 64, 128, 192, 255].map((level) => `rgb(${colours.subarray(3 * level, 3 * level + 3).join(" ")})`);
  at("scale").style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
  if (typeof WebAssembly === "undefined") {
    at("status").hidden = true;
    return complain("This browser has no WebAssembly, which the network needs. A current browser will do.");
  }
  listen();
  try {
    if (await hasGpu()) {
      try {
        network = await startNetwork(true);
        backend = "WebGPU";
      } catch (error) {
        console.info(`WebGPU is not used: ${error.message}`);
      }
    }
    network ??= await startNetwork(false);
  } catch (error) {
    at("status").hidden = true;
    at("help").hidden = settings.complete;
    return complain(settings.complete ? `The network could not be started: ${error.message}` : "");
  }
  at("progress").hidden = true;
  at("file").disabled = at("camera").disabled = false;
  say("Ready for a picture");
}
begin();
