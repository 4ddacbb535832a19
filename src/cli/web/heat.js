// Heat on pictures, as `limn explain` draws it.
"use strict";
const colours = bytesOf(settings.colours);  // 256 times red, green, blue

/** Where the network looked, in pixels of the picture. */
function region(width, height) {
  const { resize, crop } = settings.geometry;
  let full = [width, height];
  if (Array.isArray(resize)) full = resize;
  else if (resize) full = [width, height].map((side) => Math.floor(resize * side / Math.min(width, height)));
  const size = crop ?? full;
  const axis = (i, pixels) => {
    const rest = full[i] - size[i], half = Math.floor(rest / 2);
    const left = rest % 2 && half % 2 ? half + 1 : half;
    return [left * pixels / full[i], size[i] * pixels / full[i]];
  };
  const [x, w] = axis(0, width), [y, h] = axis(1, height);
  return { x, y, w, h };
}

function paintHeat(heat, values, strength) {
  const [height, width] = settings.input;
  heat.width = width;
  heat.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    const level = Math.round(255 * Math.min(1, Math.max(0, values[i])));
    image.data.set(colours.subarray(3 * level, 3 * level + 3), 4 * i);
    // Cold regions keep more of the photo, so that the eye goes where the heat is.
    image.data[4 * i + 3] = 255 * strength * (0.7 + 0.3 * level / 255);
  }
  heat.getContext("2d").putImageData(image, 0, 0);
}

/** The picture with the heat of one answer on the canvas `view`; `heat` is a spare canvas. */
function draw(view, picture, heat, values) {
  const { width, height } = picture, brush = view.getContext("2d");
  if (view.width !== width || view.height !== height) Object.assign(view, { width, height });
  brush.globalCompositeOperation = "source-over";
  brush.drawImage(picture, 0, 0);
  const { x, y, w, h } = region(width, height);
  // What the network did not see is grey and dimmed.
  for (const [how, colour] of [["saturation", "#808080"], ["multiply", "#999"]]) {
    brush.globalCompositeOperation = how;
    brush.fillStyle = colour;
    brush.fillRect(0, 0, width, height);
  }
  brush.globalCompositeOperation = "source-over";
  brush.drawImage(picture, x, y, w, h, x, y, w, h);
  paintHeat(heat, values, at("strength").value / 100);
  brush.imageSmoothingQuality = "high";
  brush.drawImage(heat, x, y, w, h);
}
