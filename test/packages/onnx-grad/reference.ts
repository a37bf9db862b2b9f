import { expect } from 'vitest'
import type { Result } from './support.js'

/** Euclidean norm of the difference by that of the reference. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const norm = (of: (i: number) => number) => Math.hypot(...Array.from(expected, (_, i) => of(i)))
  return norm((i) => actual[i] - expected[i]) / norm((i) => expected[i])
}

/**
 * Compares a gradient in float32 with one computed in float64. Sums of some hundred terms leave about 1e-6; the
 * models are such that no gradient is zero.
 */
export function expectGradient(name: string, actual: Result['data'], expected: Float32Array): void {
  expect(actual.length, `size of ${name}`).toBe(expected.length)
  expect(relativeError(actual, expected), name).toBeLessThan(1e-5)
}
