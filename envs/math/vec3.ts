/** Three-vectors in flat arrays; results go to `out`, which may be an input. */

export type Numbers = ArrayLike<number>
export type NumbersOut = { [index: number]: number }

export function copy<T extends NumbersOut>(out: T, a: Numbers, count = 3): T {
  for (let i = 0; i < count; i++) out[i] = a[i]
  return out
}

export function add<T extends NumbersOut>(out: T, a: Numbers, b: Numbers): T {
  for (let i = 0; i < 3; i++) out[i] = a[i] + b[i]
  return out
}

export function subtract<T extends NumbersOut>(out: T, a: Numbers, b: Numbers): T {
  for (let i = 0; i < 3; i++) out[i] = a[i] - b[i]
  return out
}

export function scale<T extends NumbersOut>(out: T, a: Numbers, factor: number): T {
  for (let i = 0; i < 3; i++) out[i] = a[i] * factor
  return out
}

export function dot(a: Numbers, b: Numbers): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

export function norm(a: Numbers): number {
  return Math.sqrt(dot(a, a))
}

/** Shortens a vector to at most `limit`. */
export function clampNorm<T extends NumbersOut & Numbers>(a: T, limit: number): T {
  const length = norm(a)
  return length > limit ? scale(a, a, limit / length) : a
}
