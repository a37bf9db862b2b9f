import type { Vec3 } from '../geometry.js'

/** Oklab of a linear sRGB colour: lightness, a, b (Björn Ottosson, "A perceptual color space for image processing"). */
export function toOklab([red, green, blue]: Vec3): Vec3 {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

/**
 * Linear sRGB of an Oklab colour, 0 to 1. One that a screen cannot show becomes greyer, then darker, until it can, and
 * so keeps its hue.
 */
export function fromOklab([lightness, a, b]: Vec3): Vec3 {
  let rgb = convert(lightness, a, b)
  for (let chroma = 0.98; Math.min(...rgb) < 0 && chroma > 0; chroma -= 0.02)
    rgb = convert(lightness, chroma * a, chroma * b)
  const most = Math.max(1, ...rgb)
  return [Math.max(0, rgb[0] / most), Math.max(0, rgb[1] / most), Math.max(0, rgb[2] / most)]
}

function convert(lightness: number, a: number, b: number): Vec3 {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]
}

/** Oklab from lightness, chroma and hue (rad). */
export function polar(lightness: number, chroma: number, hue: number): Vec3 {
  return [lightness, chroma * Math.cos(hue), chroma * Math.sin(hue)]
}

/** Distance of two Oklab colours; 0.02 is just seen. */
export function difference(x: Vec3, y: Vec3): number {
  return Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2])
}
