"use strict";
// Decodes latent codes in the page. A decoder is a list of layers, dense ones and
// transposed convolutions (kernel 4, stride 2, padding 1); `browser_decoder.py` writes it.

// IEEE 754 binary16: one bit of sign, five of exponent, ten of fraction. A number is
// SCALES[exponent] * (1024 + fraction); exponent 0 has no leading 1.
const SCALES = Float32Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

// Reads finite float16 numbers, little endian, from base64; returns float32 numbers.
function readHalves(text) {
  const bytes = atob(text);
  const numbers = new Float32Array(bytes.length / 2);
  for (let i = 0; i < numbers.length; i++) {
    const high = bytes.charCodeAt(2 * i + 1);
    const exponent = (high >> 2) & 31;
    const fraction = ((high & 3) << 8) | bytes.charCodeAt(2 * i);
    const size = SCALES[exponent || 1] * (exponent ? 1024 + fraction : fraction);
    numbers[i] = high & 128 ? -size : size;
  }
  return numbers;
}

const ACTIVATIONS = {
  linear: (x) => x,
  relu: (x) => (x > 0 ? x : 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

// Returns a function: code -> pixels in [0, 1], a Float32Array of (height, width, channels).
// The next call reuses the array.
function makeDecoder(layers, weights) {
  let at = 0;
  const take = (count) => weights.subarray(at, (at += count));
  const made = layers.map((layer) => {
    const taps = layer.kind === "up" ? 16 : 1;
    const kernel = take(taps * layer.inputs * layer.outputs);
    const bias = take(layer.outputs);
    const cells = layer.kind === "up" ? 4 * layer.size * layer.size : 1;
    const output = new Float32Array(cells * layer.outputs);
    return { ...layer, kernel, bias, output, apply: layer.kind === "up" ? up : dense };
  });
  if (at !== weights.length) throw new Error(`${weights.length} weights; expected ${at}`);
  return (code) => {
    let x = Float32Array.from(code);
    for (const layer of made) {
      layer.apply(x, layer);
      const activate = ACTIVATIONS[layer.activation];
      x = layer.output;
      for (let i = 0; i < x.length; i++) x[i] = activate(x[i]);
    }
    return x;
  };
}

function dense(x, { inputs, outputs, kernel, bias, output }) {
  output.set(bias);
  for (let i = 0; i < inputs; i++) {
    const value = x[i];
    if (value === 0) continue; // true for about half of the inputs after a ReLU
    for (let o = 0, k = i * outputs; o < outputs; o++, k++) output[o] += value * kernel[k];
  }
}

// Output row 2m receives input row m through kernel row 2 and row m - 1 through row 0;
// output row 2m + 1 receives row m through row 1 and row m + 1 through row 3. The same holds
// for columns, so four of the sixteen taps reach each pixel.
function up(x, { size, inputs, outputs, kernel, bias, output }) {
  const fromInput = new Int32Array(4); // where the inputs of a tap begin in x
  const fromKernel = new Int32Array(4);
  const tap = inputs * outputs;
  for (let row = 0; row < 2 * size; row++) {
    for (let column = 0; column < 2 * size; column++) {
      let taps = 0;
      for (let a = 0; a < 2; a++) {
        const y = (row >> 1) + (a ? (row & 1 ? 1 : -1) : 0);
        if (y < 0 || y >= size) continue;
        const ky = row & 1 ? 1 + 2 * a : 2 - 2 * a;
        for (let b = 0; b < 2; b++) {
          const xx = (column >> 1) + (b ? (column & 1 ? 1 : -1) : 0);
          if (xx < 0 || xx >= size) continue;
          const kx = column & 1 ? 1 + 2 * b : 2 - 2 * b;
          fromInput[taps] = (y * size + xx) * inputs;
          fromKernel[taps++] = (4 * ky + kx) * tap;
        }
      }
      const to = (row * 2 * size + column) * outputs;
      let o = 0;
      for (; o + 4 <= outputs; o += 4) { // four sums at a time stay in registers
        let s0 = bias[o], s1 = bias[o + 1], s2 = bias[o + 2], s3 = bias[o + 3];
        for (let t = 0; t < taps; t++) {
          const first = fromInput[t];
          let k = fromKernel[t] + o;
          for (let i = first; i < first + inputs; i++, k += outputs) {
            const value = x[i];
            s0 += value * kernel[k];
            s1 += value * kernel[k + 1];
            s2 += value * kernel[k + 2];
            s3 += value * kernel[k + 3];
          }
        }
        output[to + o] = s0;
        output[to + o + 1] = s1;
        output[to + o + 2] = s2;
        output[to + o + 3] = s3;
      }
      for (; o < outputs; o++) {
        let sum = bias[o];
        for (let t = 0; t < taps; t++) {
          const first = fromInput[t];
          let k = fromKernel[t] + o;
          for (let i = first; i < first + inputs; i++, k += outputs) sum += x[i] * kernel[k];
        }
        output[to + o] = sum;
      }
    }
  }
}
